"""Measures how fast, how small and how good pictures are made fit, beside other programs.

    cargo build --release
    python3 tests/tools/benchmark_pictures.py target/release/tableround

Needs Pillow and numpy. Peers are measured where they are installed: vipsthumbnail (Debian:
libvips-tools), convert (imagemagick), sharp (`npm i sharp` in the current folder, and node), and
Pillow itself. All fit into 800x800 at JPEG quality 85 with half-size colour, without metadata and
without optimised Huffman tables (sharp and vips have them on as a matter of course and off here).

Each program gets COPIES copies of a picture in one process, so that its start hardly counts; the
programs take turns, and the medians of ROUNDS turns are printed: CPU time a picture, peak memory
of the process, bytes, and likeness (mean SSIM over brightness and both colour differences) to a
downscale in floating point.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

SIDE, QUALITY = 800, 85

SHARP = """
const sharp = require('sharp'), path = require('path');
sharp.cache(false); sharp.concurrency(1);
(async () => {
  const [out, kind, ...files] = process.argv.slice(2);
  for (const file of files) {
    let work = sharp(file).rotate().resize(800, 800, {fit: 'inside', withoutEnlargement: true});
    work = kind === 'png' ? work.png() : work.jpeg({quality: 85, optimiseCoding: false});
    await work.toFile(path.join(out, path.parse(file).name + '.' + kind));
  }
})();
"""

PILLOW = """
import pathlib, sys
from PIL import Image, ImageOps
try:
    import pillow_heif; pillow_heif.register_heif_opener()
except ImportError:
    pass
out, kind, *files = sys.argv[1:]
for file in files:
    picture = Image.open(file)
    picture.draft("RGB", (1600, 1600))
    picture = ImageOps.exif_transpose(picture)
    picture.thumbnail((800, 800), Image.LANCZOS, reducing_gap=2)
    name = pathlib.Path(out, pathlib.Path(file).stem + "." + kind)
    if kind == "png":
        picture.save(name)
    else:
        picture.convert("RGB").save(name, quality=85, subsampling=2, optimize=False)
"""


def scene(width, height):
    """The samples, laid out over and over at several sizes, with a camera's noise."""
    folder = pathlib.Path(__file__).parents[2] / "samples"
    motifs = [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]
    picture = Image.new("RGB", (width, height))
    for index, (x, y) in enumerate((x, y) for y in range(0, height, 800) for x in range(0, width, 800)):
        motif = motifs[index % len(motifs)]
        picture.paste(motif.resize((800, 800), Image.BICUBIC), (x, y))
    pixels = numpy.asarray(picture).astype(numpy.int16)
    noise = numpy.random.default_rng(1).normal(0, 6, pixels.shape)
    # A camera's noise is as soft as its lens.
    noise = (noise + numpy.roll(noise, 1, 0) + numpy.roll(noise, 1, 1)) / 2
    return Image.fromarray(numpy.clip(pixels + noise, 0, 255).astype(numpy.uint8))


def pictures(folder):
    big, bigger = scene(4000, 3000), scene(6000, 4000)
    big.save(folder / "12mp-420.jpg", quality=90, subsampling=2)
    big.save(folder / "12mp-444.jpg", quality=90, subsampling=0)
    big.save(folder / "12mp-progressive.jpg", quality=90, subsampling=2, progressive=True)
    bigger.save(folder / "24mp-420.jpg", quality=90, subsampling=2)
    big.resize((1024, 768), Image.LANCZOS).save(folder / "1mp.jpg", quality=90)
    big.save(folder / "12mp.png", compress_level=6)
    middle = big.crop((0, 0, 2309, 1732))
    middle.save(folder / "4mp.webp", quality=85)
    middle.crop((0, 0, 2000, 1500)).save(folder / "3mp-lzw.tif", compression="tiff_lzw")
    across = numpy.linspace(0, 255, 2309).astype(numpy.uint8)
    middle.putalpha(Image.fromarray(numpy.tile(across, (1732, 1))))
    middle.save(folder / "4mp-alpha.png", compress_level=6)
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        big.save(folder / "12mp.heic", quality=80)
        big.crop((0, 0, 2400, 1800)).save(folder / "4mp.avif", quality=70, speed=8)
    except ImportError:
        print("no pillow-heif: HEIC and AVIF are left out", file=sys.stderr)


def programs(tableround):
    """Name, and the command for an output folder, a kind and files."""
    found = {"tableround": lambda out, kind, files: [tableround, "compress", "-j", "1", "-o", out, *files]}
    sharp = subprocess.run(["node", "-e", "require('sharp')"], capture_output=True)
    if sharp.returncode == 0:
        found["sharp"] = lambda out, kind, files: ["node", "-e", SHARP, "x", out, kind, *files]
    if shutil.which("vipsthumbnail"):
        form = {"jpg": "[Q=85,strip]", "png": "[strip]"}
        found["vips"] = lambda out, kind, files: [
            "vipsthumbnail", "--size", "800x800>", "-o", f"{out}/%s.{kind}{form[kind]}", *files]
    found["Pillow"] = lambda out, kind, files: [sys.executable, "-c", PILLOW, out, kind, *files]
    if shutil.which("convert"):
        found["ImageMagick"] = lambda out, kind, files: [
            "convert", "-define", "jpeg:size=1600x1600", *files, "-auto-orient", "-resize", "800x800>",
            "-strip", "-quality", "85", "-sampling-factor", "4:2:0", f"{out}/%03d.{kind}"]
    return found


# In a small process of its own, because Linux counts the memory a process was forked with.
WATCH = """
import json, os, subprocess, sys
quiet = subprocess.DEVNULL
child = subprocess.Popen(sys.argv[1:], stdout=quiet, stderr=quiet)
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


def run(command):
    """CPU seconds and peak memory in MB, or nothing if it fails."""
    environment = dict(os.environ, VIPS_CONCURRENCY="1", MAGICK_THREAD_LIMIT="1", OMP_NUM_THREADS="1")
    watched = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, env=environment)
    code, seconds, kilobytes = json.loads(watched.stdout)
    return None if code != 0 else (seconds, kilobytes / 1024)


def reference(path):
    """The picture made small in floating point."""
    picture = Image.open(path)
    picture = picture.convert("RGBA").convert("RGB") if "alpha" in path.name else picture.convert("RGB")
    scale = min(SIDE / picture.width, SIDE / picture.height, 1)
    size = (round(picture.width * scale), round(picture.height * scale))
    bands = [band.convert("F").resize(size, Image.LANCZOS) for band in picture.split()]
    return numpy.stack([numpy.asarray(band) for band in bands], -1)


def likeness(path, wanted):
    found = numpy.asarray(Image.open(path).convert("RGB")).astype(float)
    if found.shape != wanted.shape:
        return float("nan")
    matrix = numpy.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    one, other = found @ matrix.T, wanted @ matrix.T
    return float(numpy.mean([ssim(one[..., band], other[..., band]) for band in range(3)]))


def ssim(one, other, window=7):
    def mean(values):
        sums = numpy.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        inside = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
        return inside / window**2

    a, b = mean(one), mean(other)
    va, vb, ab = mean(one * one) - a * a, mean(other * other) - b * b, mean(one * other) - a * b
    c1, c2 = 6.5025, 58.5225
    return (((2 * a * b + c1) * (2 * ab + c2)) / ((a * a + b * b + c1) * (va + vb + c2))).mean()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("tableround", help="the program to measure")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--copies", type=int, default=8)
    arguments.add_argument("--only", default="", help="part of the names of the pictures to measure")
    given = arguments.parse_args()
    peers = programs(str(pathlib.Path(given.tableround).resolve()))
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "in").mkdir()
        pictures(place / "in")
        print("| picture | program | CPU ms | of sharp | peak MB | KB | SSIM |\n|---|---|---:|---:|---:|---:|---:|")
        for path in sorted((place / "in").iterdir()):
            if given.only in path.name:
                measure(path, peers, place, given)


def measure(path, peers, place, given):
    kind = "png" if "alpha" in path.name else "jpg"
    copies = []
    for number in range(given.copies):
        copies.append(place / f"{number:03}{path.suffix}")
        shutil.copy(path, copies[-1])
    wanted, results, outputs = reference(path), {name: [] for name in peers}, {}
    for _ in range(given.rounds):
        for name, command in peers.items():
            out = place / "out"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            result = run(command(str(out), kind, [str(copy) for copy in copies]))
            if result is not None:
                results[name].append(result)
                first = min(out.iterdir(), default=None)
                if name not in outputs and first is not None:
                    outputs[name] = (first.stat().st_size / 1000, likeness(first, wanted))
    base = statistics.median(r[0] for r in results["sharp"]) if results.get("sharp") else None
    for name, runs in results.items():
        if not runs:
            print(f"| {path.name} | {name} | cannot | | | | |")
            continue
        cpu = statistics.median(r[0] for r in runs)
        share = f"{cpu / base:.2f}" if base else ""
        size, alike = outputs.get(name, (float("nan"), float("nan")))
        memory = max(r[1] for r in runs)
        print(f"| {path.name} | {name} | {cpu * 1000 / given.copies:.1f} | {share} | {memory:.0f} "
              f"| {size:.0f} | {alike:.4f} |", flush=True)
    for copy in copies:
        copy.unlink()


main()
