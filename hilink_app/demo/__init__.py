"""The demo academy: believable people, a past week lived through the real lifecycle, and lessons to come."""

from hilink_app.demo.academy import accounts, seed, soon

__all__ = ["accounts", "seed", "soon"]
