"""How each person's line was, as evidence: a row a minute, from what the node and the browser report.

The node reports every few seconds, the browser (`stats`) every ten. Here they are only added up; nothing is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from plugins.classroom.server.messages import Stats
from plugins.classroom.server.outgoing import Outgoing, SaveQuality
from plugins.classroom.server.people import SEATED, Participant

STATS_EVERY_S = 5.0
"""A browser that reports more often is not listened to in between."""
_SILENT_S = 10.0
"""The node reports every 5 s: of a longer silence we know nothing."""
_LAYERS = "qhf"


class _Mean:
    """Of what was reported; None while nothing was."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: Any) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._sum += value
            self._count += 1

    def value(self, digits: int) -> float | None:
        return round(self._sum / self._count, digits) if self._count else None

    def whole(self) -> int | None:
        return round(self._sum / self._count) if self._count else None


@dataclass(slots=True)
class _Minute:
    """One participant's minute so far. spent: seconds by what went on. seconds: how much of it was reported on."""

    person_id: str
    at: datetime
    seconds: float = 0.0
    means: dict[str, _Mean] = field(default_factory=dict[str, _Mean])
    spent: dict[str, float] = field(default_factory=dict[str, float])
    freezes: int = 0
    frozen_s: float = 0.0
    layer: str = ""

    @property
    def known(self) -> bool:
        return self.seconds > 0 or any(one.value(0) is not None for one in self.means.values())

    def mean(self, name: str) -> _Mean:
        return self.means.setdefault(name, _Mean())

    def row(self, participant_id: str) -> SaveQuality:
        def spent(what: str) -> int:
            return min(60, round(self.spent.get(what, 0.0)))

        seen = self.mean("down_loss").value(4)

        return SaveQuality(
            person_id=self.person_id,
            participant_id=participant_id,
            at=self.at,
            seconds=min(60, round(self.seconds)),
            up_bps=self.mean("uplink_bps").whole(),
            up_loss=self.mean("uplink_loss").value(4),
            up_jitter_ms=self.mean("uplink_jitter_ms").value(1),
            rtt_ms=self.mean("rtt_ms").value(0),
            down_bps=self.mean("down_bps").whole(),
            down_loss=self.mean("loss").value(4) if seen is None else seen,
            estimate_bps=self.mean("estimate_bps").whole(),
            concealed=self.mean("concealed").value(4),
            freezes=self.freezes,
            frozen_s=round(min(60.0, self.frozen_s), 1),
            weak_s=spent("weak"),
            reduced_s=spent("reduced"),
            paused_s=spent("paused"),
            sender_s=spent("sender"),
            layer=self.layer,
        )


@dataclass(slots=True)
class _Line:
    """states: what the newest report said goes on, until the next one. heard_at, told_at: node and browser."""

    minute: _Minute
    states: frozenset[str] = frozenset()
    heard_at: datetime | None = None
    told_at: datetime | None = None


class LineBook:
    """One room's lines by participant id. Only those whose presence is attendance."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lines: dict[str, _Line] = {}
        self._over: list[SaveQuality] = []

    def heard(self, who: Participant, data: Mapping[str, Any], weak: bool) -> None:
        """The node's `quality` about this participant."""
        if who.role not in SEATED:
            return
        now, line = self._now(), self._line(who)
        if line.heard_at is not None:
            gone_s = min(_SILENT_S, (now - line.heard_at).total_seconds())
            line.minute.seconds += gone_s
            for state in line.states:
                line.minute.spent[state] = line.minute.spent.get(state, 0.0) + gone_s
        line = self._turn(who, line)
        line.heard_at = now
        tracks = data.get("tracks", ())
        line.states = _states(tracks, weak)
        for name in ("uplink_bps", "uplink_loss", "uplink_jitter_ms", "loss", "estimate_bps"):
            line.minute.mean(name).add(data.get(name))
        if data.get("rtt_ms"):
            line.minute.mean("rtt_ms").add(data["rtt_ms"])  # 0: nobody measured it
        line.minute.layer = _smallest([line.minute.layer, *map(_layer, tracks)])

    def told(self, who: Participant, stats: Stats) -> None:
        """What the browser saw since its last report."""
        if who.role not in SEATED:
            return
        now, line = self._now(), self._turn(who, self._line(who))
        if line.told_at is not None and (now - line.told_at).total_seconds() < STATS_EVERY_S:
            return
        line.told_at = now
        minute = line.minute
        minute.freezes += stats.freezes
        minute.frozen_s += min(stats.frozen_s, stats.seconds)
        for name in ("down_bps", "down_loss", "concealed"):
            minute.mean(name).add(getattr(stats, name))

    def gone(self, participant_id: str) -> list[Outgoing]:
        """Their last minute."""
        line = self._lines.pop(participant_id, None)
        return [line.minute.row(participant_id)] if line is not None and line.minute.known else []

    def past(self, everything: bool = False) -> list[Outgoing]:
        """Minutes that are over, each once. everything: the current ones too (the server stops)."""
        out: list[Outgoing] = [*self._over]
        self._over = []
        this = _minute_of(self._now())
        for participant_id, line in list(self._lines.items()):
            if everything or line.minute.at < this:
                out += [line.minute.row(participant_id)] if line.minute.known else []
                line.minute = _Minute(line.minute.person_id, this)
        return out

    def _line(self, who: Participant) -> _Line:
        line = self._lines.get(who.id)
        if line is None:
            line = self._lines[who.id] = _Line(_Minute(who.person_id, _minute_of(self._now())))
        return line

    def _turn(self, who: Participant, line: _Line) -> _Line:
        """A new minute, when the one that is counted is over."""
        this = _minute_of(self._now())
        if line.minute.at < this:
            self._over += [line.minute.row(who.id)] if line.minute.known else []
            line.minute = _Minute(who.person_id, this)
        return line


def _minute_of(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _states(tracks: Sequence[Mapping[str, Any]], weak: bool) -> frozenset[str]:
    """What goes on with the pictures somebody is sent, and with their line."""
    found = {"weak"} if weak else set[str]()
    for one in tracks:
        if one.get("reason") == "bandwidth":
            found.add("paused" if one.get("layer") is None else "reduced")
        elif one.get("reason") == "sender":
            found.add("sender")
    return frozenset(found)


def _layer(track: Mapping[str, Any]) -> str:
    layer = track.get("layer")
    if not isinstance(layer, Mapping) or track.get("reason") in ("hidden", "muted"):
        return ""
    return f"{layer.get('rid') or 'f'}{layer.get('temporal', '')}"[:8]  # a picture without encodings is whole


def _smallest(layers: Sequence[str]) -> str:
    known = [one for one in layers if one and one[0] in _LAYERS]
    return min(known, key=lambda one: (_LAYERS.index(one[0]), one[1:]), default="")
