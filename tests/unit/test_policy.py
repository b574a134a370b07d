"""What families may change by themselves, in the zones that break naive code."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.scheduling.policy import Case, Kind, Policy, judge, month_of
from core.scheduling.windows import span

pytestmark = pytest.mark.unit

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
POLICY = Policy(most_a_month=2, make_up=timedelta(days=60))
ZONES = st.sampled_from(
    [
        "Europe/Lisbon",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
    ]
).map(ZoneInfo)


def case(hours: float = 48, **more: int | bool) -> Case:
    return Case(span(NOW + timedelta(hours=hours), timedelta(minutes=45)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "kind", "about", "answer", "rules"),
    [
        (POLICY, "move", case(), "allowed", []),
        (POLICY, "cancel", case(), "allowed", []),
        (POLICY, "move", case(24), "allowed", []),
        (POLICY, "move", case(23.9), "request", ["late_notice"]),
        (POLICY, "move", case(had=1), "allowed", []),
        (POLICY, "move", case(had=2), "request", ["too_many"]),
        (POLICY, "cancel", case(2, had=9), "request", ["late_notice", "too_many"]),
        (Policy(kinds=frozenset({"cancel"})), "move", case(), "request", ["asked"]),
        (Policy(most_a_month=0), "move", case(had=99), "allowed", []),
        (Policy(notice=timedelta(0)), "move", case(0.1), "allowed", []),
        (POLICY, "move", case(others=1), "refused", ["group"]),
        (POLICY, "cancel", case(others=1), "allowed", []),
        (POLICY, "cancel", case(-0.1), "refused", ["begun"]),
        (POLICY, "move", case(begun=True), "refused", ["begun"]),
    ],
)
def test_the_answer_and_every_reason(policy: Policy, kind: Kind, about: Case, answer: str, rules: list[str]):
    found = judge(policy, kind, about, NOW)
    assert (found.answer, [reason.code for reason in found.reasons]) == (answer, rules)
    assert found.rule == (rules[0] if rules else "")


def test_a_lesson_cancelled_in_time_may_be_had_again():
    assert judge(POLICY, "cancel", case(), NOW).credit
    assert not judge(POLICY, "move", case(), NOW).credit
    assert not judge(POLICY, "cancel", case(2), NOW).credit
    assert not judge(Policy(), "cancel", case(), NOW).credit


@given(st.integers(0, 200), st.integers(1, 400))
def test_it_is_allowed_up_to_the_moment_it_says(notice_h: int, ahead_h: int):
    policy = Policy(notice=timedelta(hours=notice_h))
    about = case(ahead_h)
    until = judge(policy, "move", about, NOW).until
    assert until == about.lesson.starts_at - timedelta(hours=notice_h)
    if until < about.lesson.starts_at:
        assert judge(policy, "move", about, until).answer == "allowed"
        assert judge(policy, "move", about, until + timedelta(seconds=1)).answer == "request"


@given(ZONES, st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_every_moment_is_in_one_month_of_its_zone(zone: ZoneInfo, now: datetime):
    month = month_of(now, zone)
    assert month.starts_at <= now < month.ends_at
    last = month.ends_at - timedelta(seconds=1)
    for moment in (month.starts_at, now, last):
        assert moment.astimezone(zone).month == now.astimezone(zone).month
    assert month_of(month.ends_at, zone).starts_at == month.ends_at
