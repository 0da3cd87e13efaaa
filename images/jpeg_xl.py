"""The head of a JPEG XL image (ISO/IEC 18181-1): its decoder unpacks all pixels before it tells."""

from __future__ import annotations

from dataclasses import dataclass

_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_MOST_BOXES = 64
_SIDE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_HEAD_BYTES = 32


@dataclass(frozen=True)
class Head:
    """What an image says before its pixels.

    Parameters
    ----------
    width, height : int
        Size as stored.
    plain : bool
        Whether it has 8-bit samples, one frame, no preview, and is not turned by the decoder.
    """

    width: int
    height: int
    plain: bool


def read_head(content: bytes) -> Head:
    """Return the head of an image; a `ValueError` says that it has none."""
    start = _beginning(content)
    bits = _Bits(content[start + 2 : start + 2 + _HEAD_BYTES])
    width, height = bits.size()
    if bits.take(1):  # all as usual
        return Head(width, height, True)
    odd = False
    if bits.take(1):
        odd = bits.take(3) != 0  # turned
        if bits.take(1):
            bits.size()  # at which it is meant to be seen
        odd = bits.take(2) != 0 or odd  # a preview, frames
    return Head(width, height, not odd and bits.take(3) == 0)  # whole numbers of 8 bits


def _beginning(content: bytes) -> int:
    """Return where the coded picture begins, in the boxes around it."""
    if not content.startswith(_CONTAINER):
        return 0
    place = len(_CONTAINER)
    for _ in range(_MOST_BOXES):
        size = int.from_bytes(content[place : place + 4], "big")
        kind, body = content[place + 4 : place + 8], place + 8
        if size == 1:
            size, body = int.from_bytes(content[body : body + 8], "big"), body + 8
        if kind in (b"jxlc", b"jxlp"):  # the second has a number before
            return body + (4 if kind == b"jxlp" else 0)
        if size < 8:
            break
        place += size
    raise ValueError("no coded picture")


class _Bits:
    """Bits of a head, the lowest of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._left = int.from_bytes(content, "little")
        self._count = 8 * len(content)

    def take(self, count: int) -> int:
        if count > self._count:
            raise ValueError("the head ends too soon")
        found = self._left & ((1 << count) - 1)
        self._left >>= count
        self._count -= count
        return found

    def size(self) -> tuple[int, int]:
        """Read width and height."""
        eighths = self.take(1)
        height = self._side(eighths)
        ratio = self.take(3)
        if ratio:
            wide, high = _RATIOS[ratio - 1]
            return height * wide // high, height
        return self._side(eighths), height

    def _side(self, eighths: int) -> int:
        return 8 * (self.take(5) + 1) if eighths else self.take(_SIDE_BITS[self.take(2)]) + 1
