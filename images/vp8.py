"""The quality of a lossy WebP, from the quantiser in its VP8 frame (RFC 6386)."""

from __future__ import annotations

import numpy as np

_HEADER = 10  # bytes of a key frame before its first partition
_SEGMENTS = 4


class _Bits:
    """The boolean decoder of RFC 6386, section 7, for bits of even odds."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 2
        self._value = int.from_bytes(content[:2].ljust(2, b"\0"), "big")
        self._range, self._shift = 255, 0

    def flag(self) -> bool:
        split = 1 + ((self._range - 1) >> 1)
        found = self._value >= split << 8
        if found:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shift += 1
            if self._shift == 8:
                self._shift = 0
                if self._place < len(self._content):
                    self._value |= self._content[self._place]
                self._place += 1
        return found

    def number(self, bits: int) -> int:
        found = 0
        for _ in range(bits):
            found = found << 1 | self.flag()
        return found

    def signed(self, bits: int) -> int:
        value = self.number(bits)
        return -value if self.flag() else value


def webp_quality(frame: bytes) -> int | None:
    """Return the quality (0 to 100) of a VP8 key frame, as libwebp counts.

    The frame is the content of a WebP's ``VP8`` chunk. None where it is no key frame, or ends in
    its header.

    Notes
    -----
    libwebp turns a quality Q into c = l^(1/3) with l = 2 Q / 300 below 75 and Q / 50 - 1 from there
    on, and each segment's quantiser is 127 (1 - c^e), where e depends on the segment and is 1 in
    the middle. So the mean quantiser of the segments is turned back.
    """
    if len(frame) < _HEADER + 2 or frame[0] & 1 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    quantiser = _mean_quantiser(_Bits(frame[_HEADER:]))
    linear = (1 - quantiser / 127) ** 3
    return round(100 * (1.5 * linear if linear < 0.5 else (linear + 1) / 2))


def _mean_quantiser(bits: _Bits) -> float:
    bits.number(2)  # colour space, clamping
    segments: list[int] = []
    absolute = False
    if bits.flag():  # segments
        mapped = bits.flag()
        if bits.flag():  # their quantisers and filters
            absolute = bits.flag()
            segments = [bits.signed(7) if bits.flag() else 0 for _ in range(_SEGMENTS)]
            for _ in range(_SEGMENTS):
                if bits.flag():
                    bits.signed(6)
        if mapped:
            for _ in range(3):
                if bits.flag():
                    bits.number(8)
    bits.number(1 + 6 + 3)  # filter
    if bits.flag() and bits.flag():  # its deltas
        for _ in range(8):
            if bits.flag():
                bits.signed(6)
    bits.number(2)  # partitions
    base = bits.number(7)
    found = segments or [0]
    values = found if absolute else [base + each for each in found]
    return float(np.clip(values, 0, 127).mean())
