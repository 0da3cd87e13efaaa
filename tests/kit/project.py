"""Where the project lies, and what its tests share."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]
DATA = PROJECT / "tests" / "data"
KIT = PROJECT / "tests" / "kit"
