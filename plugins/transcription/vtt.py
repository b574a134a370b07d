"""A transcript as WebVTT (W3C), each line with its speaker's name in a voice span."""

from collections.abc import Iterable, Mapping

from core.views import SegmentView


def webvtt(segments: Iterable[SegmentView], names: Mapping[str, str], note: str = "") -> str:
    """names: person id -> shown name. note: a sentence at the top (a warning about accuracy), escaped."""
    head = ["WEBVTT", ""]
    if note:
        head += [f"NOTE {_line(note).replace('-->', '->')}", ""]
    cues: list[str] = []
    spoken = [segment for segment in segments if segment.text.strip()]
    for place, segment in enumerate(sorted(spoken, key=lambda s: (s.started_ms, s.id)), 1):
        text = _escape(_line(segment.text))
        ended_ms = max(segment.ended_ms, segment.started_ms + 1)
        voice = _escape(_line(names.get(segment.person_id, ""))) or "?"
        cues += [
            str(place),
            f"{_time(segment.started_ms)} --> {_time(ended_ms)}",
            f"<v {voice}>{text}</v>",
            "",
        ]
    return "\n".join(head + cues)


def _time(ms: int) -> str:
    seconds, milliseconds = divmod(max(0, ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


def _line(text: str) -> str:
    """One line: an empty line would end the cue."""
    return " ".join(text.split())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
