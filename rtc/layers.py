"""Which encoding and temporal layer each subscriber gets: audio first, then pictures by importance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtc.encoding import Encoding
from rtc.publication import Publication

if TYPE_CHECKING:
    from rtc.forwarder import Forwarder

MIN_OPTION_BPS = 30_000.0
"""Assumed for an encoding that has not been measured yet."""
UNKNOWN_WIDTH_PX = 1 << 16
SWITCH_MARGIN = 1.3
"""Going up to another encoding costs a keyframe, and on a full line that is seconds of sound."""
SIZE_SLACK = 0.9
"""An encoding this much of a tile's width is large enough for it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One quality a track can be sent in. bps is measured and includes packet overhead."""

    encoding: Encoding
    temporal: int
    bps: float


@dataclass(slots=True)
class Demand:
    """One picture somebody looks at. rank: lower is more important. width_px: of the tile, 0 = hidden."""

    forwarder: "Forwarder"
    publication: Publication
    rank: int
    width_px: float
    current: Encoding | None = None
    """What is being sent now."""
    option: Option | None = None
    reason: str = "waiting"


def options(publication: Publication, width_px: float, now: float) -> tuple[list[Option], bool]:
    """Qualities from cheapest to best, and whether better ones were left out because the tile is small."""
    alive = [one for one in publication.encodings.values() if one.alive(now)]
    # One that has shown no keyframe yet may be the largest; it must not pass for the smallest.
    alive.sort(key=lambda one: (one.width or UNKNOWN_WIDTH_PX, one.bitrate_bps()))
    fitting: list[Encoding] = []
    for encoding in alive:
        fitting.append(encoding)
        if encoding.width and encoding.width >= width_px * SIZE_SLACK:
            break
    result: list[Option] = []
    for index, encoding in enumerate(fitting):
        layers = [layer for layer in range(4) if encoding.rates_bps[layer] > 0] or [0]
        # A large picture at a quarter of its frame rate is worse to watch than the smaller one in full.
        for layer in layers if index == 0 else layers[1:] or layers:
            top = 3 if layer == layers[-1] else layer
            result.append(Option(encoding, top, max(MIN_OPTION_BPS, encoding.bitrate_bps(layer))))
    return result, len(fitting) < len(alive)


def _is_up(demand: Demand, option: Option) -> bool:
    """Whether it means another, larger encoding than the one that is being sent."""
    current = demand.current
    return current is not None and option.encoding is not current and option.encoding.width > current.width


def allocate(demands: Sequence[Demand], budget_bps: float, now: float) -> None:
    """Fill in each demand's option and reason. budget_bps: what is left for pictures after the sound.

    Everybody visible gets the cheapest quality in order of rank, then one rank after the other is raised.
    """
    ladders: list[tuple[Demand, list[Option], bool]] = []
    for demand in sorted(demands, key=lambda one: one.rank):
        if demand.publication.muted:
            demand.option, demand.reason = None, "muted"
        elif not demand.width_px:
            demand.option, demand.reason = None, "hidden"
        else:
            ladder, limited = options(demand.publication, demand.width_px, now)
            demand.option, demand.reason = None, "bandwidth" if ladder else "waiting"
            ladders.append((demand, ladder, limited))
    left = budget_bps
    for demand, ladder, _ in ladders:
        if ladder and ladder[0].bps <= left:
            demand.option = ladder[0]
            left -= ladder[0].bps
    for demand, ladder, limited in ladders:
        if demand.option is None:
            continue
        for option in ladder[1:]:
            costs = option.bps * (SWITCH_MARGIN if _is_up(demand, option) else 1.0)
            if costs - demand.option.bps <= left:
                left -= option.bps - demand.option.bps
                demand.option = option
        best = demand.option is ladder[-1]
        demand.reason = "bandwidth" if not best else "size" if limited else "full"
