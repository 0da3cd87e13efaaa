"""What can go wrong, as types. Each is one sentence that names the value and the remedy."""

from __future__ import annotations


class FpError(Exception):
    """Root of all errors that fp raises on purpose; the message is one complete sentence."""

    exit_code = 4


class ImageError(FpError, ValueError):
    """An image that cannot be examined; the rest of its folder can.

    `reason` is a code of `fp.images.loading.REASONS`, the message one sentence that names the file
    and says what is wrong with it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return (type(self), (self.reason, str(self)))


class InputError(FpError, ValueError):
    """A folder, file or set of images from which the command cannot start."""


class UsageError(FpError, ValueError):
    """Options that contradict each other or ask for what the data cannot support."""

    exit_code = 2


class DenoiserError(FpError, ValueError):
    """An unknown denoiser, wrong weights, or residuals of two denoisers mixed."""


class OutputError(FpError, OSError):
    """An output that exists already or cannot be written."""


class IntegrityError(FpError, ValueError):
    """A file whose content contradicts its own checksum or identity."""

    exit_code = 5


class FormatError(FpError, ValueError):
    """A file that is not fp's, or of a format version not known here."""


def words_of(error: Exception, most: int) -> str:
    """Return what a library says went wrong, on one line of so many characters.

    Where it says nothing, it is the name of the error.
    """
    words = "".join(c if c.isprintable() else " " for c in str(error))
    return " ".join(words.split())[:most] or type(error).__name__
