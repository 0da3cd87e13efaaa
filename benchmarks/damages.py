"""Damages of files: of bytes, of the structure of HDF5, of what lies in an archive."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**31, 2**16)


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


def damage(content: bytes, seeds: list[bytes], path: Path, rng: random.Random) -> None:
    """Write a file with damaged bytes."""
    path.write_bytes(mutate(content, seeds, rng))


def damage_hdf5(content: bytes, seeds: list[bytes], path: Path, rng: random.Random) -> None:
    """Write a fingerprint file whose bytes or structure are changed.

    The structure is changed in an intact file: HDF5 may end the process when it writes into a
    damaged one, and that says nothing of what fp does when it reads one.
    """
    if rng.random() < 0.5:
        damage(content, seeds, path, rng)
    else:
        mutate_hdf5(rng.choice(seeds), path, rng)


def damage_members(content: bytes, seeds: list[bytes], path: Path, rng: random.Random) -> None:
    """Write an archive whose bytes or members are changed; half of the latter have right sums."""
    if rng.random() < 0.5 or not zipfile.is_zipfile(io.BytesIO(content)):
        damage(content, seeds, path, rng)
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        told = archive.infolist()[0].compress_type
    chosen = rng.choice([name for name in members if members[name]])
    log = chosen.endswith("log.jsonl")
    others = list(members.values())
    members[chosen] = (
        changed_log(members[chosen], rng)
        if log and rng.random() < 0.8
        else mutate(members[chosen], others, rng)
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", told) as archive:
        for name, held in members.items():
            archive.writestr(zipfile.ZipInfo(name), held, told)
        if content[-100:].find(b"fp-case sha256 ") >= 0:
            archive.comment = b" " * 79
    made = file.getvalue()
    if content[-100:].find(b"fp-case sha256 ") >= 0:
        sealed = hashlib.sha256(made[:-79]).hexdigest().encode()
        made = made[:-79] + b"fp-case sha256 " + sealed
    path.write_bytes(made)


def changed_log(content: bytes, rng: random.Random) -> bytes:
    """Change members of a case's entries and chain them again, as a forger would."""
    lines = [json.loads(line) for line in content.splitlines()[:-1]]
    odd = ("", "x" * 300, "../../etc/hostname", "/", "\0", "case", None, -1, 2**70, True, [], {})
    for _ in range(rng.choice((1, 1, 2, 4))):
        line = rng.choice(lines)
        key = rng.choice([*line, "kind", "x"])
        if rng.random() < 0.1:
            line.pop(key, None)
        else:
            line[key] = rng.choice((*odd, *rng.choice(lines).values()))
    if rng.random() < 0.2:
        lines.insert(rng.randrange(len(lines)), dict(rng.choice(lines)))
    return chained(lines)


def chained(lines: list[dict[str, object]]) -> bytes:
    """Return the log of these entries: numbered, chained and closed."""
    from fp.manifest.entry import canonical, seal

    previous, sealed = None, []
    for number, line in enumerate(lines, start=1):
        told = {k: v for k, v in line.items() if k not in ("previous", "sha256", "history")}
        sealed.append(seal(told | {"number": number}, previous))
        previous = sealed[-1]["sha256"]
    closing = {"entries": len(sealed), "last": previous}
    return b"".join(canonical(each) + b"\n" for each in (*sealed, closing))
