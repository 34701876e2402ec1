"""Measures how fast, how small and how good pictures are made fit, beside other programs.

Run by tests/benchmark-pictures, which builds and fetches what it needs.

All fit into 800x800 at JPEG quality 85 with half-size colour, without metadata and without
optimised Huffman tables (sharp and vips have them on as a matter of course and off here).

Each program gets COPIES copies of a picture in one process; the
programs take turns, and the medians of ROUNDS turns are printed: CPU time (user and system) a
picture, and as a share of sharp's in the same turn; pictures a second on one thread and on two, all
of these without what starting the program takes, which is measured before; peak memory of the process; bytes; and SSIMULACRA2 against a downscale in floating point of what
Pillow decodes (100 is the same; above 70 is hard to tell apart).
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

SIDE, QUALITY = 800, 85

SHARP = """
const sharp = require('sharp'), path = require('path');
sharp.cache(false); sharp.concurrency(1);
(async () => {
  const [out, kind, threads, ...files] = process.argv.slice(2);
  const one = async file => {
    let work = sharp(file).rotate().resize(800, 800, {fit: 'inside', withoutEnlargement: true});
    work = kind === 'png' ? work.png() : work.jpeg({quality: 85, optimiseCoding: false});
    await work.toFile(path.join(out, path.parse(file).name + '.' + kind));
  };
  const lane = async () => { while (files.length) await one(files.shift()); };
  await Promise.all(Array.from({length: Number(threads)}, lane));
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
    for name, picture in [("12mp", big), ("24mp", bigger)]:
        picture.save(folder / f"{name}-420.jpg", quality=90, subsampling=2)
        picture.save(folder / f"{name}-444.jpg", quality=90, subsampling=0)
        picture.save(folder / f"{name}-progressive.jpg", quality=90, subsampling=2, progressive=True)
    big.resize((1024, 768), Image.LANCZOS).save(folder / "1mp.jpg", quality=90)
    small = big.resize((640, 480), Image.LANCZOS)
    small.save(folder / "small.jpg", quality=90)
    small.save(folder / "small.webp", quality=85)
    big.save(folder / "12mp.png", compress_level=6)
    middle = big.crop((0, 0, 2309, 1732))
    middle.save(folder / "4mp.webp", quality=85)
    middle.crop((0, 0, 2000, 1500)).save(folder / "3mp-lzw.tif", compression="tiff_lzw")
    middle.crop((0, 0, 2000, 1500)).save(folder / "3mp-deflate.tif", compression="tiff_adobe_deflate")
    across = numpy.linspace(0, 255, 2309).astype(numpy.uint8)
    middle.putalpha(Image.fromarray(numpy.tile(across, (1732, 1))))
    middle.save(folder / "4mp-alpha.png", compress_level=6)
    import pillow_heif

    pillow_heif.register_heif_opener()
    big.save(folder / "12mp.heic", quality=80)
    big.crop((0, 0, 2400, 1800)).save(folder / "4mp.avif", quality=70, speed=8)


def programs(tableround):
    """Name, and the command for an output folder, a kind, a number of threads and files; `None`
    where a program does not spread its files over threads."""
    found = {"tableround": lambda out, kind, threads, files: [
        tableround, "compress", "-q", "-j", str(threads), "-o", out, *files]}
    sharp = subprocess.run(["node", "-e", "require('sharp')"], capture_output=True)
    if sharp.returncode == 0:
        found["sharp"] = lambda out, kind, threads, files: ["node", "-e", SHARP, "x", out, kind, str(threads), *files]
    if shutil.which("vipsthumbnail"):
        form = {"jpg": "[Q=85,strip]", "png": "[strip]"}
        found["vipsthumbnail"] = lambda out, kind, threads, files: None if threads > 1 else [
            "vipsthumbnail", "--size", "800x800>", "-o", f"{out}/%s.{kind}{form[kind]}", *files]
    found["Pillow"] = lambda out, kind, threads, files: None if threads > 1 else [
        sys.executable, "-c", PILLOW, out, kind, *files]
    if shutil.which("convert"):
        found["ImageMagick"] = lambda out, kind, threads, files: None if threads > 1 else [
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
    """CPU seconds, wall seconds and peak memory in MB, or nothing if it fails."""
    environment = dict(os.environ, VIPS_CONCURRENCY="1", MAGICK_THREAD_LIMIT="1", OMP_NUM_THREADS="1")
    started = time.monotonic()
    watched = subprocess.run([sys.executable, "-c", WATCH, *command], capture_output=True, env=environment)
    wall = time.monotonic() - started
    code, seconds, kilobytes = json.loads(watched.stdout)
    return None if code != 0 else (seconds, wall, kilobytes / 1024)


def reference(path):
    """The picture made small in floating point, as a file without loss."""
    picture = Image.open(path)
    picture = picture.convert("RGBA") if "alpha" in path.name else picture.convert("RGB")
    scale = min(SIDE / picture.width, SIDE / picture.height, 1)
    size = (round(picture.width * scale), round(picture.height * scale))
    if picture.mode == "RGBA":
        picture = picture.resize(size, Image.LANCZOS)
    else:
        bands = [numpy.asarray(band.convert("F").resize(size, Image.LANCZOS)) for band in picture.split()]
        picture = Image.fromarray(numpy.clip(numpy.stack(bands, -1) + 0.5, 0, 255).astype(numpy.uint8))
    return picture


def likeness(path, wanted, place):
    from ssimulacra2 import compute_ssimulacra2

    found = Image.open(path)
    if found.size != wanted.size:
        return float("nan")
    files = []
    for name, picture in [("wanted", wanted), ("found", found)]:
        if wanted.mode == "RGBA":
            ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
            picture = Image.alpha_composite(ground, picture.convert("RGBA"))
        files.append(place / f"{name}.png")
        picture.convert("RGB").save(files[-1], compress_level=1)
    return float(compute_ssimulacra2(*map(str, files)))


HEAD = """| picture | program | CPU ms | of sharp | a second, 1 thread | 2 threads | peak MB | KB | SSIMULACRA2 |
|---|---|---:|---:|---:|---:|---:|---:|---:|"""
BEGIN, END = "<!-- pictures benchmark: begin -->", "<!-- pictures benchmark: end -->"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("tableround", help="the program to measure")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--copies", type=int, default=8)
    arguments.add_argument("--only", default="", help="part of the names of the pictures to measure")
    arguments.add_argument("--no-readme", action="store_true", help="print the table and leave the README alone")
    given = arguments.parse_args()
    peers = programs(str(pathlib.Path(given.tableround).resolve()))
    lines = [HEAD]
    print(HEAD)
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "in").mkdir()
        pictures(place / "in")
        started = starts(peers, place)
        for path in sorted((place / "in").iterdir()):
            if given.only in path.name:
                lines += measure(path, peers, place, started, given)
        load = os.getloadavg()[1]
    lines.append("")
    told = ", ".join(f"{name} {cpu * 1000:.0f} ms" for name, (cpu, _) in started.items())
    lines.append(f"Times are without the start of the program, which takes this much CPU: {told}.")
    lines.append("")
    lines.append(f"{given.rounds} rounds of {given.copies} copies on {os.cpu_count()} cores of {processor()}, "
                 f"load {load:.1f}; {versions()}.")
    if not given.only and not given.no_readme:
        write_readme("\n".join(lines))


def starts(peers, place):
    """CPU and wall seconds of a program that has next to nothing to do."""
    dot = place / "dot.jpg"
    Image.new("RGB", (8, 8)).save(dot)
    found = {}
    for name, command in peers.items():
        runs = []
        for _ in range(5):
            out = place / "out"
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            runs.append(run(command(str(out), "jpg", 1, [str(dot)])))
        found[name] = tuple(statistics.median(run[at] for run in runs) for at in (0, 1))
    return found


def processor():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else "an unknown processor"


def versions():
    """Of the peers, as they tell them."""
    ask = {
        "sharp": ["node", "-p", "require('sharp').versions.sharp"],
        "vipsthumbnail": ["vipsthumbnail", "--vips-version"],
        "ImageMagick": ["convert", "-version"],
    }
    told = [f"Pillow {Image.__version__}"]
    for name, command in ask.items():
        if shutil.which(command[0]):
            words = subprocess.run(command, capture_output=True, text=True).stdout.split()
            numbers = [word for word in words if word[:1].isdigit()]
            told.append(f"{name} {numbers[0]}" if numbers else f"{name} {' '.join(words[:1])}")
    return ", ".join(sorted(told))


def write_readme(table):
    readme = pathlib.Path(__file__).parents[2] / "README.md"
    text = readme.read_text()
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    readme.write_text(text[:before] + "\n\n" + table + "\n\n" + text[after:])


def measure(path, peers, place, started, given):
    kind = "png" if "alpha" in path.name else "jpg"
    copies = []
    for number in range(given.copies):
        copies.append(place / f"{number:03}{path.suffix}")
        shutil.copy(path, copies[-1])
    files = [str(copy) for copy in copies]
    wanted, outputs = reference(path), {}
    results = {name: [] for name in peers}
    doubled = {name: [] for name in peers}
    for turn in range(given.rounds):
        # Each turn begins with another program, so that none always follows the same.
        order = list(peers)[turn % len(peers):] + list(peers)[:turn % len(peers)]
        for name in order:
            out = place / "out"
            for threads, kept in [(1, results), (2, doubled)]:
                command = peers[name](str(out), kind, threads, files)
                if command is None:
                    continue
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                result = run(command)
                if result is not None:
                    cpu, wall = (max(took - start, 1e-4) for took, start in zip(result, started[name]))
                    kept[name].append((cpu, wall, result[2]))
            first = min(out.iterdir(), default=None)
            if name not in outputs and first is not None:
                outputs[name] = (first.stat().st_size / 1000, likeness(first, wanted, place))
    lines = []
    for name, runs in results.items():
        lines.append(line(path.name, name, runs, doubled[name], results.get("sharp"), outputs.get(name), given))
        print(lines[-1], flush=True)
    for copy in copies:
        copy.unlink()
    return lines


def line(picture, name, runs, doubled, sharp, output, given):
    median = statistics.median
    if not runs:
        return f"| {picture} | {name} | cannot | | | | | | |"
    cpu = median(r[0] for r in runs)
    # Of the same turn, so that a load beside weighs on both.
    share = f"{median(ours[0] / theirs[0] for ours, theirs in zip(runs, sharp)):.2f}" if sharp else ""
    rate = f"{given.copies / median(r[1] for r in runs):.1f}"
    twice = f"{given.copies / median(r[1] for r in doubled):.1f}" if doubled else ""
    size, alike = output or (float("nan"), float("nan"))
    told = "another size" if math.isnan(alike) else f"{alike:.1f}"
    return (f"| {picture} | {name} | {cpu * 1000 / given.copies:.1f} | {share} | {rate} | {twice} "
            f"| {max(r[2] for r in runs):.0f} | {size:.0f} | {told} |")


main()
