"""Runs the test pictures of other projects through `tableround compress`, and compares with Pillow.

    python3 tests/tools/picture_corpora.py target/release/tableround FOLDER... [--report FILE]

Any folders will do. As packages ship them, on Debian: `apt-get source libpng1.6 libjpeg-turbo
libheif tiff pillow libwebp` and the sources of crates in ~/.cargo/registry/src; PngSuite is
contrib/pngsuite of libpng and Tests/images of Pillow. Needs Pillow, pillow-heif and numpy.

Each picture is made 64 pixels a side at most, or passes as it is if it is smaller; then the means of
an 8x8 grid of cells are compared. It is counted as alike (a mean difference of at most 3 of 255
levels), refused by both, refused by us alone, read by us alone, or different. All that are not alike
are listed with the reason.
"""

import argparse
import collections
import io
import json
import multiprocessing
import pathlib
import subprocess
import tempfile
import warnings

import numpy
import pillow_heif
from PIL import Image, ImageCms, ImageOps

SIDE, CELLS, LEVELS = 64, 8, 3
PATIENCE_S = 20
KINDS = {".jpg", ".jpeg", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".heic", ".heif", ".avif"}
Image.MAX_IMAGE_PIXELS = 120_000_000
pillow_heif.register_heif_opener()
warnings.simplefilter("ignore")


def theirs(path):
    """The picture as Pillow has it, upright and in sRGB, or why it has not."""
    try:
        picture = Image.open(path)
        if picture.format not in {"JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "HEIF", "AVIF"}:
            return None, f"{picture.format} is not ours to read"
        icc = picture.info.get("icc_profile")
        picture.load()
        if picture.mode.startswith("I;16"):
            deep, clear = numpy.asarray(picture), picture.info.get("transparency")
            picture = Image.fromarray((deep // 257).astype(numpy.uint8))
            if clear is not None:
                picture = picture.convert("LA")
                picture.putalpha(Image.fromarray(numpy.where(deep == clear, 0, 255).astype(numpy.uint8)))
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("P", "LA", "PA", "La") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
        if icc:
            try:
                profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
                kind = picture.mode if picture.mode in ("L", "CMYK", "RGB") else "RGB"
                alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
                picture = ImageCms.profileToProfile(
                    picture.convert(kind), profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
                if alpha:
                    picture.putalpha(alpha)
            except ImageCms.PyCMSError:
                pass
        return picture.convert("RGBA"), ""
    except Exception as error:  # whatever a decoder raises
        return None, f"{type(error).__name__}: {error}"


def cells(picture):
    """Mean red, green and blue, weighed by alpha, and alpha, of each cell of a grid."""
    pixels = numpy.asarray(picture.convert("RGBA")).astype(float)
    pixels = numpy.concatenate([pixels[..., :3] * pixels[..., 3:] / 255, pixels[..., 3:]], -1)
    # Each axis by a matrix of the shares that pixels have in cells.
    across, down = shares(picture.width), shares(picture.height)
    return numpy.einsum("yr,xc,rcb->yxb", down, across, pixels)


def shares(side):
    edges = numpy.linspace(0, side, CELLS + 1)
    pixels = numpy.arange(side)
    covered = numpy.clip(numpy.minimum(edges[1:, None], pixels + 1) - numpy.maximum(edges[:-1, None], pixels), 0, 1)
    return covered / covered.sum(1, keepdims=True)


def compress(program, folder, out):
    """Output by path, and the complaint by path."""
    command = [program, "compress", "--json", "--no-progress", "-j", "2", "--max-width", str(SIDE),
               "--max-height", str(SIDE), "-o", str(out), *map(str, folder)]
    said = subprocess.run(command, capture_output=True, text=True)
    done, failed = {}, {}
    for line in said.stdout.splitlines():
        record = json.loads(line)
        if record["type"] == "compressed":
            done[record["path"]] = record["output"]
    for line in said.stderr.splitlines():
        path, _, reason = line.partition(": ")
        failed[path] = reason
    return done, failed


def seen_by_them(path):
    """Size and cells of the picture as Pillow has it, or why it has not; in a process of its own,
    because some of its decoders never return."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def look():
        picture, reason = theirs(path)
        sender.send((picture.size, cells(picture), "") if picture else (None, None, reason))

    child = multiprocessing.get_context("fork").Process(target=look)
    child.start()
    try:
        if receiver.poll(PATIENCE_S):
            return receiver.recv()
        return None, None, f"Pillow takes more than {PATIENCE_S} s"
    except EOFError:
        return None, None, "Pillow crashes"
    finally:
        child.kill()
        child.join()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("tableround")
    arguments.add_argument("folders", nargs="+", type=pathlib.Path)
    given = arguments.parse_args()
    files = sorted({path for folder in given.folders for path in folder.rglob("*")
                    if path.suffix.lower() in KINDS and path.is_file()})
    counts, told = collections.Counter(), []
    with tempfile.TemporaryDirectory() as out:
        for start in range(0, len(files), 200):
            done, failed = compress(given.tableround, files[start:start + 200], pathlib.Path(out, str(start)))
            for path in files[start:start + 200]:
                verdict, reason = judge(path, done.get(str(path)), failed.get(str(path), ""))
                counts[verdict] += 1
                if verdict not in ("alike", "refused by both"):
                    told.append(f"{verdict}: {path}: {reason}")
    print("\n".join(sorted(told)))
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))


def judge(path, output, complaint):
    size, wanted, reason = seen_by_them(path)
    if output is None:
        return ("refused by both", complaint) if size is None else ("refused by us alone", complaint)
    if size is None:
        return "read by us alone", reason
    found = Image.open(output)
    if max(size) <= SIDE and found.size != size:
        return "different", f"{found.size} for {size}"
    off = numpy.abs(cells(found) - wanted).mean()
    return ("alike", "") if off <= LEVELS else ("different", f"{off:.1f} levels")


main()
