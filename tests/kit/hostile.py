"""Hostile surroundings: a full disk, and values that stand where others are expected."""

from __future__ import annotations

import resource
import signal
from contextlib import contextmanager

from hypothesis import strategies as st

ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        2**70,
        1.5,
        "",
        "..",
        "/",
        "\x00",
        "x" * 5000,
        "\ud800",
        [],
        {},
        [[]],
        {"a": {}},
    ]
)


def places(value, here=()):
    """Yield the way to every member of a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in members:
        yield (*here, key)
        if isinstance(member, dict | list):
            yield from places(member, (*here, key))


def put(value, place, odd):
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = odd


@contextmanager
def small_disk(most_bytes: int):
    """Let no file grow beyond this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
