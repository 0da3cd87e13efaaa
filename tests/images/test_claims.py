"""What files claim about themselves: read, bounded, and without any effect."""

from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from commands import csv_rows, environment, fp, json_rows, laboratory
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from synthetic import photograph

from fp.images import c2pa_store, claims
from fp.images.claims import MOST_CHARACTERS, MOST_CLAIMS, read_claims
from fp.images.loading import load_with_claims

AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def encoded(kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photograph(1)).save(file, kind, **options)
    return file.getvalue()


def lines(content: bytes) -> list[str]:
    return [claim.line for claim in read_claims(content)]


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x010F], found[0x0110], found[0x0131] = "Canon", "EOS R5", "Darktable 4.6"
    found[0x0132] = "2024:01:02 03:04:05"
    found.get_ifd(0x8769)[0x9003] = "2023:01:02 03:04:05"
    return found


EXIF_LINES = [
    "EXIF Make: Canon",
    "EXIF Model: EOS R5",
    "EXIF Software: Darktable 4.6",
    "EXIF DateTime: 2024:01:02 03:04:05",
    "EXIF DateTimeOriginal: 2023:01:02 03:04:05",
]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_read_from_every_container(kind):
    found = lines(encoded(kind, exif=exif()))
    # Pillow writes no EXIF directory into a TIFF.
    assert found == (EXIF_LINES[:-1] if kind == "TIFF" else EXIF_LINES)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_file_that_claims_nothing_has_no_claims(kind):
    assert lines(encoded(kind)) == []


@pytest.mark.parametrize(
    "packet",
    [
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{AI}"/>',
        f"<r Iptc4xmpExt:DigitalSourceType = '{AI}'/>",
        f"<Iptc4xmpExt:DigitalSourceType>{AI}</Iptc4xmpExt:DigitalSourceType>",
        f'<x:DigitalSourceType rdf:resource="{AI}"/>',
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_digital_source_type_is_read(kind, packet):
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{packet}</x:xmpmeta>'
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet)
        content = encoded(kind, pnginfo=text)
    elif kind == "TIFF":
        content = encoded(kind, tiffinfo={700: packet.encode()})
    else:
        content = encoded(kind, xmp=packet.encode())
    assert lines(content) == [f"XMP DigitalSourceType: {AI}"]


def png_with(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for number, (name, text) in enumerate(texts.items()):
        if number % 3 == 2:
            info.add_itxt(name, text, zip=True)
        else:
            info.add_text(name, text, zip=number % 3 == 1)
    return encoded("PNG", pnginfo=info)


def test_texts_of_generators_are_read():
    found = lines(
        png_with(
            parameters="a cat\nSteps: 20, Sampler: Euler a",
            prompt='{"3": {"class_type": "KSampler"}}',
            workflow="{}",
            Software="NovelAI",
            Unheard="of",
        )
    )
    assert found == [
        "PNG parameters: a cat Steps: 20, Sampler: Euler a",
        'PNG prompt: {"3": {"class_type": "KSampler"}}',
        "PNG workflow: {}",
        "PNG Software: NovelAI",
    ]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_user_comment_is_read_in_the_byte_order_that_it_has(order):
    """Generators write their parameters there in JPEG and WebP, in either byte order."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    for codec in ("utf-16-le", "utf-16-be"):
        text = b"UNICODE\0" + "Steps: 20 é".encode(codec)
        head = mark + struct.pack(order + "IH", 8, 1)
        entry = struct.pack(order + "HHII", 0x8769, 4, 1, 26)
        inner = struct.pack(order + "HHHII", 1, 0x9286, 7, len(text), 26 + 14)
        tiff = head + entry + b"\0" * 4 + inner + text
        content = encoded("JPEG", exif=b"Exif\0\0" + tiff)
        assert lines(content) == ["EXIF UserComment: Steps: 20 é"]


def test_a_jpeg_comment_is_read():
    assert lines(encoded("JPEG", comment=b"File written by X")) == [
        "JPEG comment: File written by X"
    ]


# --- hostile ---


def test_a_claim_is_one_short_line():
    hostile = "a\r\nb\x1b[31m\u202egnp.exe\x00<script>alert(1)</script>," + "x" * 1000
    (line,) = lines(png_with(parameters=hostile))
    assert line.isprintable()
    assert line.startswith("PNG parameters: a b\\x1b[31m\\u202egnp.exe <script>")
    assert line.endswith("characters more)")
    assert len(line) < MOST_CHARACTERS + 80


def test_there_are_never_too_many_claims():
    info = PngImagePlugin.PngInfo()
    for number in range(200):
        info.add_text("Comment", f"text {number}")
    assert len(read_claims(encoded("PNG", pnginfo=info))) == MOST_CLAIMS


def test_a_text_that_unpacks_to_gigabytes_costs_nothing():
    packed = zlib.compress(b"a" * 2**26)
    body = b"parameters\0\0" + packed
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(body))
    content = encoded("PNG")
    started = time.process_time()
    (line,) = lines(content[:33] + chunk + content[33:])
    assert "characters more" in line
    assert time.process_time() - started < 1


def test_a_packet_made_to_keep_the_search_busy_does_not():
    packet = b":CreateDate " * 10_000 + b":CreateDate" + b" " * 60_000
    started = time.process_time()
    lines(encoded("WEBP", xmp=packet))
    assert time.process_time() - started < 2


SEEDS = [
    encoded("JPEG", exif=exif(), xmp=f'<a x:DigitalSourceType="{AI}"/>'.encode(), comment=b"c"),
    png_with(parameters="a", prompt="b", Software="c"),
    encoded("WEBP", exif=exif(), xmp=b"<a x:CreatorTool='b'/>"),
    encoded("TIFF", exif=exif()),
]


# Metadata stand at either end of a file; the middle is pixels.
DAMAGE = st.tuples(st.integers(-600, 600), st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))


# The number of a seed, not its bytes: Hypothesis writes every example down, and warns of long ones.
@given(
    st.integers(0, len(SEEDS) - 1),
    st.lists(DAMAGE, min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_damaged_metadata_never_raise(seed, damages, kept):
    damaged = bytearray(SEEDS[seed])
    for place, value in damages:
        damaged[place % len(damaged)] = value
    for content in (bytes(damaged), bytes(damaged[: round(kept * len(damaged))])):
        for line in lines(content):
            assert line.isprintable() and len(line) < 400


# --- C2PA ---


def png_with_store(store: bytes) -> bytes:
    chunk = struct.pack(">I", len(store)) + b"caBX" + store
    content = encoded("PNG")
    return content[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + content[33:]


LABEL = b"c2pa" + b"\0" * 12 + b"\3c2pa\0"
STORE = struct.pack(">I4sI4s", 60, b"jumb", 52, b"jumd") + LABEL + b"x" * 22


def test_a_store_is_told_where_it_cannot_be_read():
    content = png_with_store(STORE)
    with mock.patch.object(c2pa_store, "_library", return_value=None):
        assert lines(content) == [
            f"C2PA manifest store: {len(STORE)} bytes, not read: c2pa-python is not installed"
        ]
    (line,) = lines(content)
    assert line.startswith(f"C2PA manifest store: {len(STORE)} bytes, not read")
    # A JPEG splits its store over segments.
    body = b"JP" + struct.pack(">HI", 1, 1) + STORE
    segment = b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body
    jpeg = encoded("JPEG")
    (line,) = lines(jpeg[:2] + segment + jpeg[2:])
    assert line.startswith("C2PA manifest store: ")


def signer(c2pa):
    """Make a signer that nobody trusts."""
    import datetime

    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "leaf")}
    pems = []
    for name in ("leaf", "root"):
        is_root = name == "root"
        subjects = [
            x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, f"Test {each}")])
            for each in (name, "root")
        ]
        public, issuer = keys[name].public_key(), keys["root"].public_key()
        usage = (not is_root, False, False, False, False, is_root, is_root, False, False)
        made = (
            x509.CertificateBuilder(subjects[1], subjects[0], public, 7 + is_root)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_root, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False)
            .add_extension(x509.KeyUsage(*usage), True)
        )
        if not is_root:
            purpose = x509.ExtendedKeyUsageOID.EMAIL_PROTECTION
            made = made.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        pems.append(
            made.sign(keys["root"], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
    key = keys["leaf"].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", b"".join(pems), key, None))


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_store_is_read_where_the_library_is_installed(kind):
    c2pa = pytest.importorskip("c2pa")
    told = {
        "claim_generator_info": [{"name": "Painter", "version": "1.0"}],
        "assertions": [
            {
                "label": "c2pa.actions",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": AI}]},
            }
        ],
    }
    file = io.BytesIO()
    mime = f"image/{kind.lower()}"
    c2pa.Builder(told).sign(signer(c2pa), mime, io.BytesIO(encoded(kind)), file)
    found = lines(file.getvalue())
    assert found[0].startswith("C2PA manifest store: ") and found[0].endswith(" bytes")
    assert found[1] in ("C2PA validation: Valid", "C2PA validation: Trusted")
    assert "C2PA claim generator: Painter 1.0" in found
    assert "C2PA signature by: Test leaf" in found
    assert f"C2PA DigitalSourceType: {AI}" in found


# --- beside the statistic ---


def test_claims_stand_in_the_rows_and_change_nothing_else(tmp_path, tmp_path_factory):
    lab = laboratory(tmp_path_factory)
    rows = {}
    for name in ("bare", "told"):
        folder = tmp_path / name / "in"
        folder.mkdir(parents=True)
        info = PngImagePlugin.PngInfo()
        if name == "told":
            info.add_text("parameters", "=cmd()|'a'!B1; Steps: 20")
            info.add_text("Software", "Camera 1.0")
        Image.fromarray(photograph(5)).save(folder / "a.png", pnginfo=info)
        with environment(FP_CACHE=lab.cache), pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path / name)
            assert fp("detect", lab.single, "in", "-o", "o", "--jobs", 1).code == 0
        (rows[name],) = json_rows(tmp_path / name / "o")
        (cells,) = csv_rows(tmp_path / name / "o" / "detections.csv")
        assert cells["claimed"] == "; ".join(rows[name]["claimed"])
    assert rows["bare"]["claimed"] == []
    assert rows["told"]["claimed"] == [
        "PNG parameters: =cmd()|'a'!B1; Steps: 20",
        "PNG Software: Camera 1.0",
    ]
    differing = {key for key in rows["bare"] if rows["bare"][key] != rows["told"][key]}
    assert differing == {"claimed", "sha256"}


def test_no_module_that_decides_knows_of_claims():
    room = Path(claims.__file__).parent.parent / "fingerprint"
    deciding = sorted(room.rglob("*.py"))
    assert len(deciding) > 90
    for path in deciding:
        text = path.read_text("utf-8")
        writes = path.name == "rows.py"  # it says what was found, and has a column for claims
        assert writes is ("images.claims" in text or ".claimed" in text), path.name


def test_loading_with_claims_gives_the_same_pixels(tmp_path):
    (tmp_path / "a.png").write_bytes(png_with(Software="x"))
    image, found = load_with_claims(tmp_path / "a.png")
    assert np.array_equal(image.rgb_hwc, photograph(1))
    assert [claim.name for claim in found] == ["Software"]
