"""Mutated images through the image door, mutated fingerprint files through the HDF5 door.

    python benchmarks/fuzz.py images --count 10000 --work fuzz/
    python benchmarks/fuzz.py fingerprints --count 10000 --work fuzz/
    python benchmarks/fuzz.py command --work fuzz/
    python benchmarks/fuzz.py report --work fuzz/

Mutant k of a seed is always the same bytes. Each goes through its door in another process with a
limit on memory; one that takes longer than ten seconds of the processor, or a minute of the clock,
counts as a hang, one that ends the process as a crash, and an exception that the door does not
promise as a fault. Every fiftieth is a file that nothing was done to and must give what it always
gives. Finished mutants are kept in the work folder, so that an interrupted run goes on; those that
did wrong are kept there as files.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import os
import random
import resource
import select
import shutil
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import click
import h5py
import numpy as np
from PIL import Image, PngImagePlugin
from sections import publish

PROJECT = Path(__file__).parent.parent
PATIENCE = 10.0
STUCK = 60.0  # of the clock, on a machine that may be busy with other things
MEMORY = 2 * 2**30
GOOD_EVERY = 50
MOST_INSIDE = 20
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**31, 2**16)
DOORS = ("images", "fingerprints")


# --- seeds ---


def image_seeds() -> list[bytes]:
    """Draw one small picture in every format, kind of coding and kind of metadata."""
    rng = np.random.default_rng(0)
    field = np.cumsum(rng.normal(0, 4, (96, 80, 3)), axis=0) + 128
    rgb = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0131], exif[0x0112], exif[0x010F] = "Painter 1.0", 6, "Canon"
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, Steps: 20")
    text.add_text("prompt", "{}" * 50, zip=True)
    xmp = b'<x:xmpmeta><r Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia"/></x:xmpmeta>'
    frames = {"save_all": True}
    gray, alpha = rgb.convert("L"), rgb.copy()
    alpha.putalpha(gray)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    made = [
        (rgb, "JPEG", {"quality": 75, "exif": exif, "comment": b"x"}),
        (rgb, "JPEG", {"quality": 90, "progressive": True, "xmp": xmp}),
        (rgb, "JPEG", {"quality": 60, "subsampling": 0, "restart_marker_blocks": 4}),
        (gray, "JPEG", {}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "MPO", frames),
        (rgb, "PNG", {"pnginfo": text, "exif": exif}),
        (rgb.convert("P"), "PNG", {"transparency": 3}),
        (alpha, "PNG", {}),
        (deep, "PNG", {}),
        (gray.convert("1"), "PNG", {"bits": 1}),
        (rgb, "PNG", frames),
        (rgb, "WEBP", {"quality": 70, "exif": exif, "xmp": xmp}),
        (alpha, "WEBP", {"lossless": True}),
        (rgb, "WEBP", frames),
        (rgb, "TIFF", {"exif": exif}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (rgb, "TIFF", {"compression": "packbits"}),
        (rgb, "TIFF", frames),
        (deep, "TIFF", {}),
        (gray.convert("1"), "TIFF", {"compression": "group4"}),
        (rgb, "BMP", {}),
        (rgb.convert("P"), "BMP", {}),
        (gray.convert("1"), "BMP", {}),
        (rgb.convert("P"), "GIF", {}),
        (rgb, "GIF", frames),
        (rgb, "AVIF", {"exif": exif}),
        (rgb, "AVIF", frames),
    ]
    for module, more in (
        ("pillow_heif.HeifImagePlugin", [(rgb, "HEIF", {}), (rgb, "HEIF", frames)]),
        ("pillow_jxl", [(rgb, "JXL", {}), (alpha, "JXL", {"exif": exif.tobytes()})]),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
            made += more
    seeds = []
    for picture, kind, options in made:
        file = io.BytesIO()
        if "save_all" in options:
            options = {**options, "append_images": [rgb.rotate(90)]}
        picture.copy().save(file, kind, **options)  # a picture remembers how it was saved
        seeds.append(file.getvalue())
    return [*seeds, *container_seeds(seeds)]


def container_seeds(pictures: list[bytes]) -> list[bytes]:
    """Return an archive and a PDF of a few pictures."""
    sys.path.insert(0, str(PROJECT / "tests" / "kit"))
    from held_images import pdf, zipped

    jpeg, png = pictures[0], pictures[6]
    told = b"/Width 80/Height 96/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter"
    samples = zlib.compress(bytes(range(240)) * 96)
    return [
        zipped({"a.jpg": jpeg, "b/c.png": png}),
        zipped({"a.jpg": jpeg, "b.png": png}, method=zipfile.ZIP_STORED),
        pdf([(told + b"/DCTDecode", jpeg), (told + b"/FlateDecode", samples)]),
    ]


def fingerprint_seeds() -> list[bytes]:
    """Return the golden file of version 1.0, and one of this version with joined parts."""
    sys.path.insert(0, str(PROJECT / "tests" / "kit"))
    from tempfile import TemporaryDirectory

    from golden_bank import GOLDEN, full, small

    from fp.fingerprint.store.bank import write_bank

    os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "seed.h5"
        write_bank(path, [full(), small()])
        return [GOLDEN.read_bytes(), path.read_bytes()]


# --- mutations ---


def mutate(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Damage bytes anywhere, mostly near the head, where the fields are."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8, 16))):
        size = len(found) or 1
        place = rng.randrange(size) if rng.random() < 0.5 else int(size * rng.random() ** 4)
        step = rng.randrange(9)
        if step == 0:
            found[place : place + 1] = bytes([rng.randrange(256)])
        elif step == 1 and found:
            found[place % len(found)] ^= 1 << rng.randrange(8)
        elif step == 2:
            width = rng.choice((1, 2, 4))
            value = rng.choice(EDGES) % 256**width
            found[place : place + width] = value.to_bytes(width, rng.choice(("big", "little")))
        elif step == 3:
            del found[place : place + rng.choice((1, 4, 64, 1000))]
        elif step == 4:
            found[place:place] = rng.randbytes(rng.choice((1, 4, 64, 1000)))
        elif step == 5:
            piece = found[place : place + rng.choice((4, 64, 1000))]
            found[place:place] = piece * rng.choice((1, 2, 50))
        elif step == 6:
            found = found[:place] if rng.random() < 0.3 else found
        elif step == 7:
            other = rng.choice(others)
            start = rng.randrange(len(other))
            found[place : place + 64] = other[start : start + rng.choice((16, 256, 4096))]
        else:
            found[place : place + 8] = bytes(8)
    # With a right checksum a damaged chunk gets past the first check.
    return with_checksums(bytes(found)) if rng.random() < 0.5 else bytes(found)


def with_checksums(content: bytes) -> bytes:
    """Write the right checksum into every whole chunk of a PNG."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    found, place = bytearray(content), 8
    while place + 12 <= len(found):
        (size,) = struct.unpack_from(">I", found, place)
        end = place + 8 + size
        if end + 4 > len(found):
            break
        struct.pack_into(">I", found, end, zlib.crc32(found[place + 4 : end]))
        place = end + 4
    return bytes(found)


def mutate_hdf5(content: bytes, path: Path, rng: random.Random) -> None:
    """Change the structure by HDF5's own means, so that all its checksums are right."""
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice((1, 1, 2, 4))):
            names: list[str] = []
            file.visit(names.append)
            if not names:
                return
            parent, _, leaf = rng.choice(names).rpartition("/")
            try:
                change_hdf5(file[parent or "/"], leaf, rng)
            except (OSError, ValueError, TypeError, KeyError, RuntimeError):
                continue  # HDF5 would not do it
        if rng.random() < 0.5:
            with contextlib.suppress(Exception):
                reseal(file)


def reseal(file: h5py.File) -> None:
    """Write the hash of their content into changed fingerprints, as a forger would."""
    for group in file.values():
        listing = {}
        visited: list[tuple[str, h5py.HLObject]] = [("", group)]
        group.visititems(lambda name, member, found=visited: found.append((name, member)))
        for name, member in visited:
            found = {f"{name}@{key}": member.attrs[key] for key in member.attrs}
            if isinstance(member, h5py.Dataset) and member.nbytes < 2**24:
                found[name] = member[()]
            for key, value in found.items():
                array = np.asarray(value)
                if key != "@content-sha256":
                    texts = array.dtype.kind == "S"
                    joined = (
                        b"".join(text + b"\0" for text in np.atleast_1d(array).tolist())
                        if (texts)
                        else array.tobytes()
                    )
                    digest = hashlib.sha256(joined).hexdigest()
                    told = "string" if texts else array.dtype.name
                    listing[key] = [told, list(array.shape), digest]
        text = json.dumps(listing, sort_keys=True, separators=(",", ":"))
        sealed = hashlib.sha256(text.encode()).hexdigest().encode()
        group.attrs.create("content-sha256", np.bytes_(sealed), dtype="S64")


def change_hdf5(group: h5py.Group, leaf: str, rng: random.Random) -> None:
    """Put something else in the place of a group or data set, or change an attribute."""
    step = rng.randrange(11)
    if step >= 9:
        owner = group[leaf]
        keys = list(owner.attrs)
        key = rng.choice(keys) if keys else "name"
        texts = ("", "x" * 70_000, b"\xff\xfe", "{}", "[" * 9999, "0" * 64)
        owner.attrs[key] = rng.choice((*texts, -1, 2**62, float("nan"), [1, 2]))
        return
    del group[leaf]
    if step == 1:
        group[leaf] = h5py.ExternalLink("/etc/hostname", "/")
    elif step == 2:
        group[leaf] = h5py.SoftLink(rng.choice(("/", ".", f"/{leaf}", "/000000")))
    elif step == 3:
        shape = rng.choice(((2**40,), (2**20, 2**20, 2**20), (0,), (1,) * 8, (3, 2**31)))
        kind = rng.choice(("f4", "f8", "i8", "S9"))
        group.create_dataset(leaf, shape, kind, chunks=tuple(min(n, 64) or 1 for n in shape))
    elif step == 4:
        options = rng.choice(({"compression": "lzf"}, {"scaleoffset": 2}, {"fletcher32": True}, {}))
        group.create_dataset(leaf, data=np.arange(64.0), chunks=(8,), **options)
    elif step == 5:
        group.create_dataset(leaf, data=np.zeros(2**22, "u1"), compression=9)
    elif step == 6:
        odd = (np.nan, np.array([np.inf]), np.zeros((2, 2), "c8"))
        group[leaf] = rng.choice(("text", [b"a", b"b"], *odd))
    elif step == 7:
        group[leaf] = group.file["/"]  # a circle of hard links
    elif step == 8:
        group.create_group(leaf).create_group("a/b/c/d/e/f")


# --- the process that looks ---


def look(door: str, seeds: list[bytes], seed: int, number: int, path: Path) -> tuple[str, object]:
    """Make a mutant and give what its door says of it."""
    rng = random.Random(f"{door} {seed} {number}")
    content = rng.choice(seeds)
    good = number % GOOD_EVERY == 0
    if good:
        path.write_bytes(seeds[(number // GOOD_EVERY) % len(seeds)])
    elif door == "images" or rng.random() < 0.5:
        path.write_bytes(mutate(content, seeds, rng))
    else:
        mutate_hdf5(content, path, rng)
    said = through_image_door(path) if door == "images" else through_hdf5_door(path)
    return ("good" if good else "mutant"), said


def through_image_door(path: Path) -> str:
    """Examine a file, or what lies in it, and give what was said, joined."""
    from fp.images.loading import find_images

    try:
        found = find_images([path])
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    said = [through_door_of_one(inside) for inside in found[:MOST_INSIDE]]
    wrong = [each for each in said if each.startswith("fault")]
    examined = [each for each in said if each.startswith("examined")]
    return " ".join(wrong or examined or said[:1]) or "fault: no row"


def through_door_of_one(path: Path) -> str:
    from fp.images.loading import REASONS, load_with_claims
    from fp.system.errors import ImageError

    try:
        image, claims = load_with_claims(path)
    except ImageError as error:
        return error.reason if error.reason in REASONS else f"fault: reason {error.reason}"
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    if not all(claim.line.isprintable() and len(claim.line) < 500 for claim in claims):
        return "fault: a claim that is no line"
    return "examined " + image.pixels_sha256


def through_hdf5_door(path: Path) -> str:
    from fp.fingerprint.store.bank import read_bank
    from fp.fingerprint.store.conformance import verify_bank
    from fp.system.errors import FormatError, InputError, IntegrityError

    try:
        verify_bank(path)
        members = read_bank(path)
    except (FormatError, InputError, IntegrityError) as error:
        return type(error).__name__
    except BaseException as error:
        return f"fault: {type(error).__name__}: {error}"[:300]
    return "read " + " ".join(member.uuid for member in members)


def serve(door: str, seed: int, path: Path) -> None:
    """Answer numbers of mutants, a line each, until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + 2**30, MEMORY + 2**30))
    seeds = image_seeds() if door == "images" else fingerprint_seeds()
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there
    for line in sys.stdin:
        started = time.process_time()
        kind, said = look(door, seeds, seed, int(line), path)
        seconds = time.process_time() - started
        if seconds > PATIENCE:
            said = "hang"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(out, (json.dumps([kind, said, seconds, peak]) + "\n").encode())


class Looker:
    """The process behind a door, started again whenever it dies."""

    def __init__(self, door: str, seed: int, path: Path) -> None:
        self._command = [sys.executable, __file__, "serve", door, str(seed), str(path)]
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False

    def __call__(self, number: int) -> list[object]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
            patience = 2 * STUCK  # its start is not the mutant's affair
        else:
            patience = STUCK
        process = self._process
        started = time.monotonic()
        try:
            process.stdin.write(f"{number}\n".encode())
            ready, _, _ = select.select([process.stdout], [], [], patience)
            line = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, line = [True], b""
        if line:
            self._answered = True
            return json.loads(line)
        self.close()
        if not self._answered:
            raise click.ClickException("the process behind the door does not start")
        told = f"crash: exit {process.returncode}" if ready else "hang"
        return ["mutant", told, time.monotonic() - started, 0]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


# --- the commands ---


@click.group()
def group() -> None:
    """Fuzz the two doors of fp."""


@group.command("serve", hidden=True)
@click.argument("door")
@click.argument("seed", type=int)
@click.argument("path", type=click.Path(path_type=Path))
def serve_command(door: str, seed: int, path: Path) -> None:
    """Answer for another process."""
    serve(door, seed, path)


def run_door(door: str, count: int, seed: int, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    journal, kept = work / f"{door}-{seed}.jsonl", work / "wrong"
    done = {}
    if journal.exists():
        text = journal.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # a kill tears the last one
        journal.write_text("".join(line + "\n" for line in lines))
        done = {row[0] for row in map(json.loads, lines)}
    path = work / f".{door}-{seed}.mutant"
    looker = Looker(door, seed, path)
    with journal.open("a") as file:
        for number in range(count):
            if number in done:
                continue
            answer = looker(number)
            file.write(json.dumps([number, *answer]) + "\n")
            file.flush()
            if answer[1].startswith(("fault", "crash", "hang")):
                kept.mkdir(exist_ok=True)
                if path.exists():
                    shutil.copy(path, kept / f"{door}-{seed}-{number}")
                click.echo(f"{door} {number}: {answer[1]}", err=True)
    looker.close()
    path.unlink(missing_ok=True)
    for line in told(door, work):
        click.echo(line)


for _door in DOORS:

    def _command(count: int, seed: int, work: Path, door: str = _door) -> None:
        """Send mutants through a door."""
        run_door(door, count, seed, work)

    for _option in (
        click.option("--count", default=10_000, show_default=True),
        click.option("--seed", default=0, show_default=True),
        click.option("--work", type=click.Path(path_type=Path), required=True),
    ):
        _command = _option(_command)
    group.command(_door)(_command)


def told(door: str, work: Path) -> list[str]:
    """Count what a door said."""
    rows = []
    for journal in sorted(work.glob(f"{door}-*.jsonl")):
        rows += [json.loads(line) for line in journal.read_text().splitlines()]
    if not rows:
        return []
    seeds = len(image_seeds() if door == "images" else fingerprint_seeds())
    goods: dict[int, set[str]] = {}
    counts: Counter[str] = Counter()
    for number, kind, said, _, _ in rows:
        if kind == "good":
            goods.setdefault(number // GOOD_EVERY % seeds, set()).add(said)
        else:
            counts[said.split(" ")[0].rstrip(":")] += 1
    wrong = [said for said in counts if said in ("fault", "crash", "hang")]
    steady = all(len(said) == 1 for said in goods.values())
    return [
        f"| {door}: mutants | {sum(counts.values())} |",
        *(f"| {said} | {n} |" for said, n in sorted(counts.items(), key=lambda item: -item[1])),
        f"| crashes, hangs, faults | {sum(counts[said] for said in wrong)} |",
        f"| files that nothing was done to, their answer the same every time | "
        f"{sum(kind == 'good' for _, kind, _, _, _ in rows)}, {'yes' if steady else 'NO'} |",
        f"| longest | {max(row[3] for row in rows):.2f} s |",
        f"| most memory of the process | {max(row[4] for row in rows) / 2**20:.0f} MiB |",
    ]


@group.command("command")
@click.option("--count", default=300, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), required=True)
def command_command(count: int, seed: int, work: Path) -> None:
    """Run ``fp detect`` over a folder of mutants with good files among them."""
    sys.path.insert(0, str(PROJECT / "tests" / "kit"))
    from commands import laboratory_in

    work = work.absolute()  # the command runs in a folder of it
    place = work / f"command-{seed}"
    shutil.rmtree(place, ignore_errors=True)
    lab = laboratory_in(place / "laboratory")
    seeds = image_seeds()
    shutil.copytree(lab.unknown, place / "alone")
    shutil.copytree(lab.unknown, place / "among")
    for number in range(count):
        rng = random.Random(f"images {seed} {number}")
        content = mutate(rng.choice(seeds), seeds, rng)
        (place / "among" / f"mutant {number:05d}").write_bytes(content)
    rows = {}
    for name in ("alone", "among"):
        ran = subprocess.run(
            [sys.executable, "-m", "fp.cli.main", "detect", lab.single, name, "-o", f"{name}.out"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE * count,
        )
        lines = (place / f"{name}.out" / "detections.jsonl").read_text("utf-8").splitlines()
        rows[name] = {
            row["path"].partition("/")[2]: {k: v for k, v in row.items() if k != "path"}
            for row in map(json.loads, lines)
        }
        click.echo(f"{name}: exit code {ran.returncode}, {len(lines)} rows")
        click.echo(ran.stderr, err=True)
    same = all(rows["among"][name] == row for name, row in rows["alone"].items())
    summary = {
        "mutants": count,
        "code": ran.returncode,
        "rows": len(rows["among"]),
        "good files": len(rows["alone"]),
        "same": same,
    }
    (work / "command.json").write_text(json.dumps(summary))
    click.echo(json.dumps(summary))


@group.command("report")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--commit", help="What was measured, where it is not the present commit.")
def report_command(work: Path, commit: str | None) -> None:
    """Write the counts into docs/reliability.md."""
    lines = ["| what | count |", "| --- | --- |"]
    for door in DOORS:
        lines += told(door, work)
    if (work / "command.json").exists():
        found = json.loads((work / "command.json").read_text())
        lines += [
            f"| `fp detect` over {found['mutants']} mutants and {found['good files']} good files | "
            f"exit code {found['code']}, {found['rows']} rows |",
            f"| rows of the good files as without mutants | {'yes' if found['same'] else 'NO'} |",
        ]
    command = f"python benchmarks/fuzz.py report --work {work.name}/"
    publish("fuzz", command, "\n".join(lines), commit)


if __name__ == "__main__":
    group()
