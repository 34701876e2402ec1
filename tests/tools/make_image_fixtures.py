"""Makes the pictures in tests/fixtures/images. Each is named by the claim it tests.

Needs Pillow and pillow-heif, and cjpeg and jpegtran of libjpeg-turbo:
    python3 tests/tools/make_image_fixtures.py tests/fixtures/images
"""

import io
import pathlib
import struct
import subprocess
import sys
import zlib

from PIL import Image, ImageDraw, ImageOps

OUT = pathlib.Path(sys.argv[1])


def scene(width=97, height=61):
    """Four fields of different colour, a slope in each, a white disc above the middle."""
    picture = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            slope = 60 * x // width + 40 * y // height
            left, top = x < width // 2, y < height // 2
            colour = {
                (True, True): (200 - slope, 40, 40),
                (False, True): (30, 120 + slope, 50),
                (True, False): (40, 60, 140 + slope),
                (False, False): (220, 190 - slope, 60),
            }[left, top]
            picture.putpixel((x, y), colour)
    ImageDraw.Draw(picture).ellipse((40, 8, 56, 24), fill=(250, 250, 250))
    return picture


def save(picture, name, **options):
    picture.save(OUT / name, **options)


def tool(command, given):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


def ppm(picture):
    return f"P6 {picture.width} {picture.height} 255\n".encode() + picture.tobytes()


def cjpeg(name, picture, *options):
    (OUT / name).write_bytes(tool(["cjpeg", "-quality", "92", *options], ppm(picture)))


def exif(orientation):
    """A TIFF directory with an orientation and, as a telephone would write it, a GPS pointer."""
    return b"II*\0\x08\0\0\0" + struct.pack(
        "<H" "HHIHH" "HHII" "I", 2, 0x0112, 3, 1, orientation, 0, 0x8825, 4, 1, 38, 0
    )


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpegs(picture):
    cjpeg("jpeg_420.jpg", picture, "-sample", "2x2")
    cjpeg("jpeg_422.jpg", picture, "-sample", "2x1")
    cjpeg("jpeg_440.jpg", picture, "-sample", "1x2")
    cjpeg("jpeg_444.jpg", picture, "-sample", "1x1")
    cjpeg("jpeg_411.jpg", picture, "-sample", "4x1")
    cjpeg("jpeg_420_progressive.jpg", picture, "-sample", "2x2", "-progressive")
    cjpeg("jpeg_444_progressive.jpg", picture, "-sample", "1x1", "-progressive")
    cjpeg("jpeg_420_restarts.jpg", picture, "-sample", "2x2", "-restart", "3B")
    cjpeg("jpeg_420_progressive_restarts.jpg", picture, "-sample", "2x2", "-progressive", "-restart", "1")
    cjpeg("jpeg_420_optimised.jpg", picture, "-sample", "2x2", "-optimize")
    cjpeg("jpeg_grey.jpg", picture, "-grayscale")
    cjpeg("jpeg_grey_progressive.jpg", picture, "-grayscale", "-progressive")
    cjpeg("jpeg_rgb_colour_space.jpg", picture, "-rgb")
    cjpeg("jpeg_arithmetic_is_refused.jpg", picture, "-arithmetic")
    # The same coefficients as jpeg_420.jpg, one scan per component.
    scans = OUT / "scans.txt"
    scans.write_text("0;\n1;\n2;\n")
    one = tool(["jpegtran", "-scans", str(scans)], (OUT / "jpeg_420.jpg").read_bytes())
    (OUT / "jpeg_420_non_interleaved.jpg").write_bytes(one)
    scans.unlink()
    inverted = ImageOps.invert(picture)
    cmyk = Image.merge("CMYK", (*inverted.split(), Image.new("L", picture.size, 0)))
    save(cmyk, "jpeg_cmyk.jpg", quality=92)
    small = picture.resize((48, 32))
    undo = {
        1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }
    save(small, "orientation_reference.png")
    for orientation, method in undo.items():
        lying = small.transpose(Image.Transpose[method]) if method else small
        save(lying, f"orientation_{orientation}.jpg", quality=90, subsampling=0,
             exif=b"Exif\0\0" + exif(orientation))


def pngs(picture):
    save(picture, "png_rgb.png", optimize=True)
    save(picture.convert("L"), "png_grey.png")
    save(picture.quantize(16), "png_palette.png")
    save(picture.convert("1"), "png_one_bit.png")
    opaque = picture.convert("RGBA")
    save(opaque, "png_opaque_alpha_becomes_jpeg.png")
    holed = opaque.copy()
    for y in range(20):
        for x in range(20):
            holed.putpixel((x, y), (255, 0, 255, 0))
    save(holed, "png_transparent_stays_png.png")
    palette = picture.quantize(16)
    save(palette, "png_palette_transparent_stays_png.png", transparency=0)
    save(holed.convert("LA"), "png_grey_alpha_stays_png.png")
    sixteen = [[value * 257 for value in pixel] for pixel in picture.getdata()]
    write_png("png_rgb_16_bit.png", picture.size, 2, 16, sixteen)
    grey = [[value * 257] for value in picture.convert("L").getdata()]
    write_png("png_grey_16_bit.png", picture.size, 0, 16, grey)
    write_interlaced(picture)
    whole = (OUT / "png_rgb.png").read_bytes()
    at = whole.index(b"IDAT") - 4
    turned = whole[:at] + png_chunk(b"eXIf", exif(6)) + whole[at:]
    (OUT / "png_orientation_6.png").write_bytes(turned)
    other = ImageOps.invert(picture)
    save(picture, "apng_shows_its_first_frame.png", save_all=True, append_images=[other])


def write_png(name, size, colour, depth, pixels):
    width, height = size
    rows = b""
    for y in range(height):
        row = pixels[y * width:(y + 1) * width]
        rows += b"\0" + b"".join(struct.pack(">H", value) for pixel in row for value in pixel)
    ihdr = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    (OUT / name).write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", ihdr)
                             + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def write_interlaced(picture):
    """Adam7, which Pillow does not write."""
    rows = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
                           (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, picture.height, dy):
            row = [picture.getpixel((x, y)) for x in range(x0, picture.width, dx)]
            if row:
                rows += b"\0" + bytes(value for pixel in row for value in pixel)
    ihdr = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 1)
    (OUT / "png_interlaced.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", ihdr)
        + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def gifs(picture):
    few = picture.quantize(32)
    save(few, "gif_still.gif")
    save(few, "gif_animated_shows_its_first_frame.gif", save_all=True,
         append_images=[ImageOps.invert(picture).quantize(32)], duration=100, loop=0)
    holed = picture.convert("RGBA")
    for y in range(20):
        for x in range(20):
            holed.putpixel((x, y), (0, 0, 0, 0))
    save(holed, "gif_transparent_becomes_png.gif")
    # A first frame of 8×8 at (20, 10) on a canvas of 40×30.
    patch = Image.new("P", (8, 8), 1)
    patch.putpalette([0, 0, 0, 250, 20, 20, 20, 20, 250])
    save(patch, "patch.gif")
    raw = bytearray((OUT / "patch.gif").read_bytes())
    (OUT / "patch.gif").unlink()
    raw[6:10] = struct.pack("<HH", 40, 30)
    at = raw.index(b"\x2c", 13 + 3 * (2 << (raw[10] & 7)))
    raw[at + 1:at + 5] = struct.pack("<HH", 20, 10)
    (OUT / "gif_frame_lies_at_its_offset.gif").write_bytes(bytes(raw))


def webps(picture):
    save(picture, "webp_lossy.webp", quality=92)
    save(picture, "webp_lossless.webp", lossless=True)
    holed = picture.convert("RGBA")
    for y in range(20):
        for x in range(20):
            holed.putpixel((x, y), (255, 0, 255, 0))
    save(holed, "webp_alpha_becomes_png.webp", quality=92)
    save(picture, "webp_animated_shows_its_first_frame.webp", save_all=True, quality=92,
         append_images=[ImageOps.invert(picture)], duration=100)
    save(picture, "webp_orientation_6.webp", quality=92, exif=b"Exif\0\0" + exif(6))


def bmps(picture):
    save(picture, "bmp_24_bit.bmp")
    save(picture.quantize(16), "bmp_palette.bmp")
    raw = bytearray((OUT / "bmp_24_bit.bmp").read_bytes())
    stride = (picture.width * 3 + 3) // 4 * 4
    rows = [raw[54 + y * stride:54 + (y + 1) * stride] for y in range(picture.height)]
    raw[22:26] = struct.pack("<i", -picture.height)
    (OUT / "bmp_top_down.bmp").write_bytes(bytes(raw[:54]) + b"".join(bytes(r) for r in rows[::-1]))


def tiffs(picture):
    save(picture, "tiff_lzw.tif", compression="tiff_lzw")
    save(picture, "tiff_deflate.tif", compression="tiff_adobe_deflate")
    save(picture, "tiff_uncompressed_orientation_6.tif", tiffinfo={274: 6})


def heifs(picture):
    import pillow_heif

    pillow_heif.register_heif_opener()
    save(picture, "heic_420.heic", quality=92)
    save(picture, "heic_444_is_refused.heic", quality=92, chroma=444)
    lying = picture.transpose(Image.Transpose.ROTATE_90)
    save(lying, "heic_turned.heic", quality=92, exif=b"Exif\0\0" + exif(6))
    holed = picture.convert("RGBA")
    for y in range(20):
        for x in range(20):
            holed.putpixel((x, y), (255, 0, 255, 0))
    save(holed, "heic_alpha_becomes_png.heic", quality=92)
    save(picture, "avif_420.avif", quality=90)
    save(picture, "avif_444.avif", quality=90, subsampling="4:4:4")
    save(picture, "avif_420_narrow_range.avif", quality=90, range="limited")
    save(holed, "avif_alpha_becomes_png.avif", quality=90)
    save(picture.convert("L"), "avif_grey.avif", quality=90, subsampling="4:0:0")


def profiles(picture):
    """The scene in numbers that mean other colours, with the profile that says which."""
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    for name in ["display_p3", "adobe_rgb"]:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile(name)))
        there = ImageCms.profileToProfile(picture, srgb, profile)
        save(there, f"profile_{name}.png", icc_profile=profile.tobytes())
        save(there, f"profile_{name}.jpg", icc_profile=profile.tobytes(), quality=92, subsampling=0)


def rgb_profile(name):
    """A matrix profile (ICC.1, version 2) with primaries adapted to D50."""
    primaries = {
        "display_p3": [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)],
        "adobe_rgb": [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    }[name]
    gamma = 2.2
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = [(b"wtpt", xyz((0.9642, 1.0, 0.8249)))]
    tags += [(sign, xyz(point)) for sign, point in zip([b"rXYZ", b"gXYZ", b"bXYZ"], primaries)]
    tags += [(sign, curve) for sign in [b"rTRC", b"gTRC", b"bTRC"]]
    return icc(b"RGB ", tags, name)


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def xyz(point):
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, point))


def ink_profile(steps=9):
    """Four inks to Lab by a table (lut8Type of ICC.1, version 2): each takes away its own light."""
    from PIL import ImageCms

    level = lambda at: at / (steps - 1)
    inks = [(c, m, y, k) for c in range(steps) for m in range(steps) for y in range(steps) for k in range(steps)]
    colours = Image.new("RGB", (len(inks), 1))
    # Yellow paper and weak inks, so that the profile shows.
    light = lambda ink, black, paper: round(paper * (1 - 0.8 * level(ink)) * (1 - 0.9 * level(black)))
    colours.putdata([(light(c, k, 250), light(m, k, 240), light(y, k, 200)) for c, m, y, k in inks])
    lab = ImageCms.profileToProfile(
        colours, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    table = bytes(value for pixel in lab.get_flattened_data() for value in pixel)
    same = bytes(range(256))
    matrix = b"".join(map(fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, steps, 0]) + matrix + same * 4 + table + same * 3
    lut += b"\0" * (-len(lut) % 4)
    return icc(b"CMYK", [(b"wtpt", xyz((0.9642, 1.0, 0.8249))), (b"A2B0", lut)], kind=b"prtr", between=b"Lab ")


def icc(space, tags, name="none", kind=b"mntr", between=b"XYZ "):
    """A profile put together from its tags."""
    text = b"text\0\0\0\0none\0\0\0\0"
    title = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + b"\0" * 79
    title += b"\0" * (-len(title) % 4)
    tags = [(b"desc", title), (b"cprt", text), *tags]
    at, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for sign, value in tags:
        table += sign + struct.pack(">II", at + len(data), len(value))
        data += value
    header = struct.pack(">I4sI4s4s4s", at + len(data), b"\0" * 4, 0x02400000, kind, space, between)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += b"".join(map(fixed, (0.9642, 1.0, 0.8249))) + b"\0" * 48
    return header + struct.pack(">I", len(tags)) + table + data


def inks(picture):
    """Four inks as YCCK, which is brightness, two differences and black (Adobe's transform 2)."""
    inverted = ImageOps.invert(picture)
    black = Image.new("L", picture.size, 40)
    # Pillow writes each ink inverted, as Adobe does; the transform is of what is written.
    written = Image.merge("RGB", [ImageOps.invert(band) for band in inverted.split()])
    planes = [ImageOps.invert(band) for band in written.convert("YCbCr").split()]
    file = io.BytesIO()
    Image.merge("CMYK", (*planes, black)).save(file, "JPEG", quality=95, subsampling=0)
    raw = bytearray(file.getvalue())
    raw[raw.index(b"Adobe") + 11] = 2
    (OUT / "jpeg_ycck.jpg").write_bytes(bytes(raw))


def profiled_inks(picture):
    inverted = ImageOps.invert(picture)
    cmyk = Image.merge("CMYK", (*inverted.split(), Image.new("L", picture.size, 20)))
    save(cmyk, "profile_cmyk.jpg", quality=95, icc_profile=ink_profile())


def grey_profile(gamma):
    """Grey with a curve of its own (ICC.1, version 2)."""
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    return icc(b"GRAY", [(b"wtpt", xyz((0.9642, 1.0, 0.8249))), (b"kTRC", curve)])


def grey_profiles(picture):
    from PIL import ImageCms

    grey = picture.convert("L")
    # The same brightness in numbers of a linear curve: what was dark gets small numbers.
    there = grey.point([round(255 * (((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92))
                        for v in range(256)])
    save(there, "profile_grey_linear.png", icc_profile=grey_profile(1.0))
    save(there, "profile_grey_linear.jpg", icc_profile=grey_profile(1.0), quality=95)


def metadata(picture):
    """Everything that cameras and editors leave beside a picture, in one file each."""
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90, icc_profile=srgb, exif=b"Exif\0\0" + place(), comment=b"SECRET comment")
    raw = file.getvalue()
    segment = lambda code, data: bytes([0xFF, code]) + struct.pack(">H", len(data) + 2) + data
    extra = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>SECRET owner</x>")
    extra += segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x06SECRET")
    extra += segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0")
    other = io.BytesIO()
    picture.resize((16, 12)).save(other, "JPEG", comment=b"SECRET second picture")
    (OUT / "jpeg_full_of_metadata.jpg").write_bytes(raw[:2] + extra + raw[2:] + other.getvalue())
    save(picture, "whole.png", optimize=True, icc_profile=srgb)
    whole = (OUT / "whole.png").read_bytes()
    (OUT / "whole.png").unlink()
    at = whole.index(b"IDAT") - 4
    chunks = png_chunk(b"eXIf", place()) + png_chunk(b"tEXt", b"Author\0SECRET") + png_chunk(b"tIME", b"\x07\xea\1\1\0\0\0")
    chunks += png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"SECRET")) + png_chunk(b"iTXt", b"XML\0\0\0\0\0SECRET")
    late = png_chunk(b"tEXt", b"Software\0SECRET after the picture")
    (OUT / "png_full_of_metadata.png").write_bytes(whole[:at] + chunks + whole[at:-12] + late + whole[-12:] + b"SECRET trailer")


def place():
    """An upright picture taken at a place: GPS latitude in a directory of its own."""
    head = struct.pack("<H" "HHIHH" "HHII" "I", 2, 0x0112, 3, 1, 1, 0, 0x8825, 4, 1, 38, 0)
    gps = struct.pack("<H" "HHI4s" "HHII" "I", 2, 1, 2, 2, b"N\0\0\0", 2, 5, 3, 68, 0)
    return b"II*\0\x08\0\0\0" + head + gps + struct.pack("<6I", 48, 1, 51, 1, 30, 1) + b"SECRET place\0"


def offset_webp():
    """An animation whose first frame of 8x8 lies at (20, 10) on a canvas of 40x30."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (250, 20, 20)).save(file, "WEBP", lossless=True)
    frame = file.getvalue()[12:]
    three = lambda value: struct.pack("<I", value)[:3]
    chunk = lambda kind, data: kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    anmf = lambda x, y: chunk(b"ANMF", three(x // 2) + three(y // 2) + three(7) + three(7) + three(100) + b"\2" + frame)
    body = chunk(b"VP8X", b"\x12\0\0\0" + three(39) + three(29)) + chunk(b"ANIM", b"\0\0\0\0\0\0")
    body += anmf(20, 10) + anmf(0, 0)
    (OUT / "webp_frame_lies_at_its_offset.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


picture = scene()
save(picture, "reference.png", optimize=True)
inks(picture)
profiled_inks(picture)
grey_profiles(picture)
metadata(picture)
offset_webp()
jpegs(picture)
pngs(picture)
gifs(picture)
webps(picture)
bmps(picture)
tiffs(picture)
heifs(picture)
profiles(picture)
