"""What a family may change about its lessons by itself, what becomes a request, and when a lesson is made up. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from core.i18n import N_
from core.scheduling.availability import Reason
from core.scheduling.windows import Window

Kind = Literal["move", "cancel"]
Answer = Literal["allowed", "request", "refused"]
KINDS: tuple[Kind, ...] = ("move", "cancel")


@dataclass(frozen=True, slots=True)
class Policy:
    """The organisation's rules. notice: from now to the lesson. most_a_month: changes of one student, 0 = no limit.

    kinds: what families do by themselves, the rest is asked for. make_up: a lesson cancelled in time may be had
    again within this time, 0 = never.
    """

    notice: timedelta = timedelta(hours=24)
    most_a_month: int = 0
    kinds: frozenset[str] = frozenset(KINDS)
    make_up: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Case:
    """One lesson somebody wants to change. had: changes of this student this month. others: other students in it."""

    lesson: Window
    had: int = 0
    others: int = 0
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """reasons: why not allowed, all of them. credit: a cancelled lesson may be had again. until: allowed before it."""

    answer: Answer
    reasons: tuple[Reason, ...] = ()
    credit: bool = False
    until: datetime = field(default_factory=lambda: datetime.max.replace(tzinfo=UTC))

    @property
    def rule(self) -> str:
        """The code of the first reason, "" when allowed."""
        return self.reasons[0].code if self.reasons else ""


def judge(policy: Policy, kind: Kind, case: Case, now: datetime) -> Verdict:
    """May they? A lesson that has begun and a group's time are refused; what the policy does not allow is asked for."""
    until = case.lesson.starts_at - policy.notice
    if case.begun or case.lesson.starts_at <= now:
        return Verdict("refused", (_BEGUN,), until=until)
    if kind == "move" and case.others:
        return Verdict("refused", (_GROUP,), until=until)
    reasons: list[Reason] = []
    if kind not in policy.kinds:
        reasons.append(_ASKED)
    if now > until:
        reasons.append(_late(policy.notice))
    if policy.most_a_month and case.had >= policy.most_a_month:
        reasons.append(
            Reason(
                "too_many",
                N_("The {most} changes of this month are used up."),
                {"most": policy.most_a_month},
            )
        )
    if reasons:
        return Verdict("request", tuple(reasons), until=until)
    return Verdict("allowed", credit=kind == "cancel" and policy.make_up > timedelta(0), until=until)


def month_of(now: datetime, zone: ZoneInfo) -> Window:
    """The calendar month around `now` where the family lives; changes are counted in it."""
    local = now.astimezone(zone)
    first = datetime(local.year, local.month, 1, tzinfo=zone)
    after = datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=zone)
    return Window(first.astimezone(UTC), after.astimezone(UTC))


_BEGUN = Reason("begun", N_("This lesson has begun or is over."))
_GROUP = Reason("group", N_("Others are in this lesson, so its time stays."))
_ASKED = Reason("asked", N_("Such changes go through a coordinator."))


def _late(notice: timedelta) -> Reason:
    hours = f"{notice / timedelta(hours=1):g}"
    return Reason("late_notice", N_("It is less than {hours} hours before the lesson."), {"hours": hours})
