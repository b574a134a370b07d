"""The demo academy: believable people, a past week lived through the real lifecycle, and lessons to come."""
