"""Where things are in this checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds rxconfig.py. Reflex compiles from here, so every role runs with it as its cwd."""

CACHE = ROOT / ".hilink"
"""Finished front-end builds and other things that can be made again; never precious data."""
