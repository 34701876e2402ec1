"""Writes down what other decoders see in every committed picture.

    python3 tests/tools/second_opinion.py

Pillow reads them: libjpeg-turbo, libtiff, libwebp, libheif, libavif and decoders of its own, with
LittleCMS for colours; none of them is a part of tableround. Each picture becomes a row of
tests/fixtures/second-opinion.csv: its size once upright, and of each cell of an 8x8 grid the mean
red, green, blue and alpha in sRGB, in hexadecimal. A GIF whose frame does not cover its canvas is left
out: Pillow paints the rest, browsers leave it clear. A test holds what tableround makes of the same
file against it.
"""

import io
import pathlib
import warnings

import numpy
import pillow_heif
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()
ROOT = pathlib.Path(__file__).parents[2]
CELLS = 8
LEFT_OUT = ["is_refused", "gif_frame_lies_at_its_offset"]


def opened(path):
    picture = Image.open(path)
    icc = picture.info.get("icc_profile")
    deep = picture.mode.startswith("I;16")
    if deep:
        picture = Image.fromarray((numpy.asarray(picture) // 257).astype(numpy.uint8))
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("P", "LA", "PA", "1") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if icc:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        kind = picture.mode if picture.mode in ("L", "CMYK", "RGB") else "RGB"
        alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
        picture = ImageCms.profileToProfile(
            picture.convert(kind), profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if alpha:
            picture.putalpha(alpha)
    return picture.convert("RGBA")


def row(path):
    pixels = numpy.asarray(opened(path)).astype(float)
    height, width = pixels.shape[:2]
    cells = []
    for y in range(CELLS):
        for x in range(CELLS):
            cell = pixels[y * height // CELLS:max(y * height // CELLS + 1, (y + 1) * height // CELLS),
                          x * width // CELLS:max(x * width // CELLS + 1, (x + 1) * width // CELLS)]
            alpha = cell[..., 3]
            weight = max(alpha.sum(), 1e-9)
            colour = [(cell[..., band] * alpha).sum() / weight for band in range(3)]
            cells.append(bytes(round(value) for value in [*colour, alpha.mean()]).hex())
    return f"{path.relative_to(ROOT).as_posix()},{width},{height},{''.join(cells)}"


warnings.simplefilter("ignore")
pictures = sorted((ROOT / "tests/fixtures/images").iterdir()) + sorted((ROOT / "samples").iterdir())
rows = [row(path) for path in pictures if not any(word in path.name for word in LEFT_OUT)]
out = ROOT / "tests/fixtures/second-opinion.csv"
out.write_text("picture,width,height,cells\n" + "\n".join(rows) + "\n")
print(f"{len(rows)} pictures")
