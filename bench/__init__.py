"""Measurements. Every number HiLink claims has a file here: `hilink bench NAME --json`."""
