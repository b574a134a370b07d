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
SWITCH_MARGIN = 1.15
"""Going up to another encoding costs a keyframe, which a full line has to carry too."""
KEEP = 0.85
"""What is being sent goes on while this much of it fits: off and on again costs a keyframe each time."""
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


@dataclass(frozen=True, slots=True)
class Allocation:
    """What it comes to, in bit/s of pictures.

    used: what was given. next: what the next better step of anybody would need in all, 0 when there is none.
    wanted: everything in full.
    """

    used: float
    next: float
    wanted: float


def options(publication: Publication, width_px: float, now: float) -> tuple[list[Option], str]:
    """Qualities from cheapest to best, and why there is nothing better: full, size or sender.

    An encoding that is paused because nobody watches it counts, at the rate it had: it can be had back.
    """
    there = [one for one in publication.encodings.values() if publication.available(one, now)]
    # One that has shown no keyframe yet may be the largest; it must not pass for the smallest.
    there.sort(key=lambda one: (one.width or UNKNOWN_WIDTH_PX, one.bitrate_bps()))
    fitting: list[Encoding] = []
    for encoding in there:
        fitting.append(encoding)
        if encoding.width and encoding.width >= width_px * SIZE_SLACK:
            break
    result: list[Option] = []
    for index, encoding in enumerate(fitting):
        layers = [layer for layer in range(4) if encoding.rates_bps[layer] > 0] or [0]
        # A large picture at a quarter of its frame rate is worse to watch than the smaller one in full.
        for layer in layers if index == 0 else layers[1:] or layers:
            top = 3 if layer == layers[-1] else layer
            bps = max(MIN_OPTION_BPS, encoding.bitrate_bps(layer))
            # The smaller one at its best may cost more than the larger one at its least: a step nobody wants.
            if not result or bps > result[-1].bps or encoding is not result[-1].encoding:
                result.append(Option(encoding, top, bps))
    if len(fitting) < len(there):
        return result, "size"
    return result, "sender" if publication.held_back(now) else "full"


Ladders = dict[tuple[Publication, float], tuple[object, list[Option], str]]
"""What `options` said, by track and width, and of which encodings: for many subscribers of about one moment."""


def _options(demand: Demand, now: float, ladders: Ladders) -> tuple[list[Option], str]:
    key = (demand.publication, demand.width_px)
    known = ladders.get(key)
    if known is not None and known[0] is demand.publication.encodings:
        return known[1], known[2]
    ladder, top = options(demand.publication, demand.width_px, now)
    ladders[key] = (demand.publication.encodings, ladder, top)
    return ladder, top


def _cost(demand: Demand, option: Option) -> float:
    """With a margin where it means another, larger encoding than the one that is being sent."""
    current = demand.current
    up = current is not None and option.encoding is not current and option.encoding.width > current.width
    return option.bps * (SWITCH_MARGIN if up else 1.0)


def allocate(
    demands: Sequence[Demand], budget_bps: float, now: float, ladders: Ladders | None = None
) -> Allocation:
    """Fill in each demand's option and reason. budget_bps: what is left for pictures after the sound.
    ladders: what others found out a moment ago, and where they may find what this finds out.

    First the speaker or the screen (rank 0). Then everybody visible gets the cheapest quality in order of rank, and
    with what is left one rank after the other is raised. Who is not visible gets nothing.
    """
    known = {} if ladders is None else ladders
    visible: list[tuple[Demand, list[Option], str]] = []
    for demand in sorted(demands, key=lambda one: one.rank):
        if demand.publication.muted:
            demand.option, demand.reason = None, "muted"
        elif not demand.width_px:
            demand.option, demand.reason = None, "hidden"
        else:
            ladder, top = _options(demand, now, known)
            demand.option, demand.reason = None, "bandwidth" if ladder else "waiting"
            if not ladder and demand.publication.held_back(now):
                demand.reason = "sender"
            visible.append((demand, ladder, top))
    left = budget_bps
    if visible and visible[0][0].rank == 0:
        # The best of the speaker or the screen that fits at its full frame rate, before anybody else's.
        demand, ladder, _ = visible[0]
        for option in ladder:
            if option.temporal == 3 and _cost(demand, option) <= left:
                demand.option = option
        left -= demand.option.bps if demand.option else 0.0
    steps: list[float] = []
    for demand, ladder, _ in visible:
        if ladder and demand.option is None:
            kept = KEEP if demand.current is ladder[0].encoding else 1.0
            if kept * ladder[0].bps <= left:
                demand.option = ladder[0]
                left = max(0.0, left - ladder[0].bps)
            else:
                steps.append(ladder[0].bps)
    for demand, ladder, top in visible:
        if demand.option is None:
            continue
        better: float | None = None
        for option in ladder[ladder.index(demand.option) + 1 :]:
            costs = _cost(demand, option) - demand.option.bps
            if costs <= left:
                left -= option.bps - demand.option.bps
                demand.option, better = option, None
            elif better is None:
                better = costs
        if better is not None:
            steps.append(better)
        demand.reason = top if demand.option is ladder[-1] else "bandwidth"
    used = budget_bps - left
    wanted = sum(ladder[-1].bps for _, ladder, _ in visible if ladder)
    return Allocation(used, used + min(steps) if steps else 0.0, wanted)
