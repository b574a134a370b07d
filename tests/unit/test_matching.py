"""Who fits a lesson, and which weekly times fit a request, held against the rules date by date."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scheduling.availability import Availability, DatedException, Limits, WeeklyHours
from core.scheduling.cut import Cut, HoursRow
from core.scheduling.matching import Teacher, against, alternatives, rank_teachers, reasons_against_teacher
from core.scheduling.proposals import Candidate, Proposals, Search, propose
from core.scheduling.windows import Window, span
from core.scheduling.wish import OPEN_WEEKS, Slot, Wish, WishWindow

pytestmark = pytest.mark.unit

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)
MONDAY = date(2026, 9, 7)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LESSON = timedelta(minutes=45)


def hours(
    tz: str = "Europe/Lisbon",
    starts: time = time(9),
    ends: time = time(18),
    days: tuple[int, ...] = (0, 1, 2, 3, 4),
) -> tuple[WeeklyHours, ...]:
    return tuple(WeeklyHours(day, starts, ends, tz) for day in days)


def teacher(name: str = "ann", tz: str = "Europe/Lisbon", **changes: object) -> Teacher:
    made = Teacher(name, name, tz, Availability(tz, hours(tz)), "en", courses=frozenset({"physics"}))
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


STUDENT = Teacher("sam", "Sam", "Europe/Lisbon", Availability("Europe/Lisbon"))


def wish(**changes: object) -> Wish:
    made = Wish(
        "physics",
        (WishWindow(0, time(16), time(18)), WishWindow(2, time(16), time(18))),
        "Europe/Lisbon",
        MONDAY,
        LESSON,
        per_week=2,
        until_day=MONDAY + 20 * 7 * DAY,
        course="Physics",
    )
    return replace(made, **changes)  # pyright: ignore[reportArgumentType]


def why(found: Proposals, person_id: str) -> str:
    return next(one.reasons[0].code for one in found.left_out if one.person_id == person_id)


def lisbon(text: str) -> Window:
    return span(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Lisbon")), LESSON)


class TestOneLesson:
    def test_best_is_who_knows_the_student_and_the_language(self):
        known, speaks = teacher("known"), teacher("speaks", languages=frozenset({"pt-BR"}))
        ranking = rank_teachers(
            "physics",
            "pt",
            lisbon("2026-09-07T16:00"),
            STUDENT,
            [speaks, teacher(), known],
            NOW,
            {"known": 12},
        )
        assert [fit.person_id for fit in ranking.fit] == ["known", "speaks", "ann"]
        assert {reason.code for reason in ranking.fit[0].reasons} >= {"qualified", "taught"}
        assert [reason.code for reason in ranking.fit[0].unmet] == ["no_language"]

    def test_each_left_out_has_its_reason(self):
        lesson = lisbon("2026-09-07T16:00")
        busy = teacher("busy", busy=(lesson,))
        booked = teacher("booked", booked=(lesson,))
        stranger = teacher("stranger", courses=frozenset())
        late = teacher("late", availability=Availability("Europe/Lisbon", hours(starts=time(17))))
        ranking = rank_teachers("physics", "", lesson, STUDENT, [busy, booked, stranger, late], NOW, {})
        assert {one.person_id: one.reasons[0].code for one in ranking.left_out} == {
            "busy": "busy",
            "booked": "booked",
            "stranger": "unqualified",
            "late": "hours",
        }

    def test_a_student_without_hours_is_open_always_but_not_twice(self):
        lesson = lisbon("2026-09-07T16:00")
        assert rank_teachers("physics", "", lesson, STUDENT, [teacher()], NOW, {}).fit
        ranking = rank_teachers(
            "physics", "", lesson, replace(STUDENT, booked=(lesson,)), [teacher()], NOW, {}
        )
        assert [reason.code for reason in ranking.left_out[0].reasons] == ["student_booked"]

    def test_the_pause_before_is_said_in_hours(self):
        before = span(lisbon("2026-09-07T13:15").starts_at, LESSON)
        ranking = rank_teachers(
            "physics", "", lisbon("2026-09-07T16:00"), None, [teacher(booked=(before,))], NOW, {}
        )
        gap = next(reason for reason in ranking.fit[0].reasons if reason.code == "gap")
        assert gap.params == {"hours": 2, "minutes": 0}


class TestAlternatives:
    def test_three_times_near_by_that_both_can(self):
        taken = lisbon("2026-09-07T16:00")
        one = teacher(booked=(taken,))
        found = alternatives(one, STUDENT, taken, NOW)
        assert len(found) == 3 and all(window.length == LESSON for window in found)
        assert not any(reasons_against_teacher(one, window, NOW) for window in found)
        assert len({window.starts_at.date() for window in found}) == 3

    def test_nobody_is_asked_to_learn_at_night(self):
        far = teacher(tz="Asia/Tokyo")
        found = alternatives(far, STUDENT, lisbon("2026-09-07T16:00"), NOW)
        assert found and all(
            7 <= window.starts_at.astimezone(ZoneInfo("Europe/Lisbon")).hour < 22 for window in found
        )


class TestProposals:
    def test_a_whole_weekly_pattern_in_the_students_clock(self):
        best = propose(wish(), STUDENT, [teacher()], NOW).ranked[0]
        assert {slot.weekday for slot in best.slots} == {0, 2} and len({slot.at for slot in best.slots}) == 1
        assert len(best.starts) == 41  # 20 weeks and the last day, a Monday
        local = {start.astimezone(ZoneInfo("Europe/Lisbon")).time() for start in best.starts}
        assert local == {best.slots[0].at}, "the wall clock stays over the change of October"
        assert best.meets == best.wishes

    def test_a_clock_change_in_one_zone_alone_is_seen(self):
        """16:00 in Sao Paulo is 19:00 in London in winter and 20:00 in summer: she ends at 20:00."""
        london = teacher(
            "liz",
            "Europe/London",
            availability=Availability("Europe/London", hours("Europe/London", ends=time(20))),
        )
        asked = wish(tz="America/Sao_Paulo", windows=(WishWindow(0, time(16), time(17)),), per_week=1)
        winter = replace(asked, from_day=date(2026, 11, 2), until_day=date(2027, 3, 1))
        summer = replace(asked, from_day=date(2027, 4, 5), until_day=date(2027, 8, 1))
        both = replace(asked, from_day=date(2027, 1, 4), until_day=date(2027, 8, 1))
        assert propose(winter, STUDENT, [london], NOW).ranked
        assert not propose(summer, STUDENT, [london], NOW).ranked
        assert not propose(both, STUDENT, [london], NOW).ranked

    def test_a_holiday_is_left_out_and_said(self):
        holiday = date(2026, 10, 5)
        off = Availability("Europe/Lisbon", hours(), holidays=frozenset({holiday}))
        best = propose(wish(), STUDENT, [teacher(availability=off)], NOW).ranked[0]
        assert best.skip == (holiday,)
        assert "missed" in {reason.code for reason in best.unmet} and best.meets == best.wishes - 1

    def test_a_number_of_lessons_goes_on_past_a_holiday(self):
        off = Availability("Europe/Lisbon", hours(), holidays=frozenset({date(2026, 9, 14)}))
        asked = wish(until_day=None, lessons=14, windows=(WishWindow(0, time(16), time(18)),), per_week=1)
        best = propose(asked, STUDENT, [teacher(availability=off)], NOW).ranked[0]
        assert len(best.starts) == 14 and best.skip == (date(2026, 9, 14),)

    def test_for_good_is_a_term(self):
        best = propose(wish(until_day=None), STUDENT, [teacher()], NOW).ranked[0]
        assert len(best.starts) == 2 * OPEN_WEEKS

    def test_different_times_when_there_is_no_common_one(self):
        open_then = (*hours(days=(0,), starts=time(16), ends=time(17)), *hours(days=(2,), starts=time(17)))
        one = teacher(availability=Availability("Europe/Lisbon", open_then))
        best = propose(wish(), STUDENT, [one], NOW).ranked[0]
        assert [(slot.weekday, slot.at) for slot in best.slots] == [(0, time(16)), (2, time(17))]
        assert "times" in {reason.code for reason in best.unmet}

    def test_who_was_asked_for_comes_first(self):
        found = propose(wish(instructor_id="bea"), STUDENT, [teacher("ann"), teacher("bea")], NOW)
        assert [one.person_id for one in found.ranked] == ["bea", "ann"]

    def test_close_to_other_lessons_beats_a_hole(self):
        weeks = [lisbon("2026-09-07T15:15"), lisbon("2026-09-09T15:15")]
        booked = tuple(span(one.starts_at + number * 7 * DAY, LESSON) for one in weeks for number in range(6))
        asked = wish(until_day=MONDAY + 5 * 7 * DAY)
        best = propose(asked, STUDENT, [teacher(booked=booked)], NOW).ranked[0]
        assert best.slots == (Slot(0, time(16)), Slot(2, time(16)))

    def test_the_search_stops_early_without_another_answer(self):
        many = [
            teacher(f"t{number:03}", languages=frozenset({"pt"} if number % 3 else ()))
            for number in range(90)
        ]
        loaded: list[str] = []

        def fill(ids):
            loaded.extend(ids)
            return {one.person_id: one for one in many if one.person_id in ids}

        asked = wish(language="pt", taught={"t045": 3})
        able = [Candidate(one.person_id, one.speaks("pt"), 0.0) for one in many]
        lazy = Search(asked, STUDENT, NOW).best(able, fill)
        assert lazy.ranked == propose(asked, STUDENT, many, NOW, most=90).ranked[:3]
        assert lazy.ranked[0].person_id == "t045" and len(loaded) < 90
        assert len(lazy.ranked) + len(lazy.left_out) == 90


class TestNothingFits:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"availability": Availability("Europe/Lisbon", hours(ends=time(15)))}, "hours"),
            ({"availability": Availability("Europe/Lisbon")}, "hours"),
            (
                {
                    "availability": Availability(
                        "Europe/Lisbon",
                        hours(),
                        (DatedException("away", Window(NOW, NOW + 60 * DAY)),),
                    )
                },
                "away",
            ),
            ({"booked": tuple(span(NOW.replace(hour=14) + n * DAY, 4 * HOUR) for n in range(200))}, "booked"),
            ({"busy": (Window(NOW, NOW + 200 * DAY),)}, "booked"),
            (
                {
                    "availability": Availability("Europe/Lisbon", hours(), limits=Limits(most_a_week=3)),
                    "booked": tuple(span(NOW.replace(hour=9) + n * DAY, HOUR) for n in range(200)),
                },
                "full",
            ),
            (
                {"availability": Availability("Europe/Lisbon", hours(), limits=Limits(notice=60 * DAY))},
                "notice",
            ),
            ({"courses": frozenset()}, "unqualified"),
        ],
    )
    def test_each_reason(self, changes, code):
        found = propose(wish(), STUDENT, [teacher(**changes)], NOW)
        assert not found.ranked and why(found, "ann") == code and found.constraint

    def test_the_tightest_is_named_with_its_facts(self):
        late = wish(windows=tuple(WishWindow(day, time(17), time(22)) for day in range(5)))
        early = teacher(availability=Availability("Europe/Lisbon", hours(ends=time(17))))
        reason = propose(late, STUDENT, [early], NOW).constraint
        assert reason is not None and reason.code == "all_hours"
        assert (
            reason.words.format(**reason.params)
            == "No one qualified for Physics is free on weekdays from 17:00 to 22:00 (Lisbon)."
        )

    def test_who_nearly_could_names_the_constraint(self):
        early = teacher("early", availability=Availability("Europe/Lisbon", hours(ends=time(15))))
        booked = teacher("booked", busy=(Window(NOW, NOW + 200 * DAY),))
        reason = propose(wish(), STUDENT, [early, booked], NOW).constraint
        assert reason is not None and reason.code == "all_booked"

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"windows": (WishWindow(0, time(16), time(16, 30)),)}, "windows_short"),
            ({"per_week": 3}, "days_few"),
        ],
    )
    def test_wishes_that_cannot_be(self, changes, code):
        found = propose(wish(**changes), STUDENT, [teacher()], NOW)
        assert found.constraint and found.constraint.code == code

    def test_fewer_lessons_a_week_would_do(self):
        mondays = teacher(availability=Availability("Europe/Lisbon", hours(days=(0,))))
        found = propose(wish(), STUDENT, [mondays], NOW)
        assert found.constraint and found.constraint.code == "fewer_fit"
        assert found.constraint.params == {"possible": 1, "wanted": 2}

    def test_no_one_is_qualified(self):
        found = propose(wish(), STUDENT, [], NOW)
        assert found.constraint and found.constraint.code == "no_one_qualified"

    def test_a_student_who_is_booked(self):
        lessons = tuple(span(NOW.replace(hour=14) + number * DAY, 4 * HOUR) for number in range(200))
        found = propose(wish(), replace(STUDENT, booked=lessons), [teacher()], NOW)
        assert found.constraint and found.constraint.code == "student_busy"


ZONES = (
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "America/St_Johns",
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_lesson_of_every_proposal_is_allowed(data: st.DataObject):
    tz = data.draw(st.sampled_from(ZONES))
    students = data.draw(st.sampled_from(ZONES))
    first = date(2026, 9, 7) + DAY * data.draw(st.integers(0, 240))
    limits = Limits(
        notice=timedelta(hours=data.draw(st.sampled_from((0, 24)))),
        buffer=timedelta(minutes=data.draw(st.sampled_from((0, 10, 15)))),
        most_a_day=data.draw(st.sampled_from((0, 3))),
        most_a_week=data.draw(st.sampled_from((0, 6))),
    )
    begins = data.draw(st.integers(0, 20))
    open_then = tuple(
        WeeklyHours(day, time(begins), time((begins + data.draw(st.integers(3, 10))) % 24), tz)
        for day in data.draw(st.sets(st.integers(0, 6), min_size=1))
    )
    moment = datetime.combine(first, time(0), UTC)
    booked = [
        span(moment + timedelta(minutes=5 * number), LESSON)
        for number in data.draw(st.lists(st.integers(0, 60 * 288), max_size=25))
    ]
    apart = [
        one
        for place, one in enumerate(sorted(booked))
        if not any(one.overlaps(o) for o in sorted(booked)[:place])
    ]
    one = teacher(availability=Availability(tz, open_then, limits=limits), booked=tuple(apart), tz=tz)
    asked = wish(
        tz=students,
        from_day=first,
        until_day=first + 8 * 7 * DAY,
        per_week=data.draw(st.integers(1, 2)),
        windows=tuple(WishWindow(day, time(6), time(23)) for day in range(7)),
    )
    student = replace(STUDENT, tz=students, booked=tuple(apart[:2]))
    for found in propose(asked, student, [one], moment).ranked:
        for start in found.starts:
            lesson = span(start, LESSON)
            assert not reasons_against_teacher(one, lesson, moment)
            assert not against(student, lesson, moment)
            local = start.astimezone(ZoneInfo(students))
            assert (local.weekday(), local.time()) in {(slot.weekday, slot.at) for slot in found.slots} or (
                asked.tz in ("Pacific/Apia", "Australia/Lord_Howe")
            )


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_who_is_cut_has_no_proposal_and_no_hours_is_the_reason_when_it_is(data: st.DataObject):
    students = data.draw(st.sampled_from(ZONES))
    first = date(2026, 8, 24) + DAY * data.draw(st.integers(0, 240))
    asked = wish(
        tz=students,
        from_day=first,
        until_day=first + DAY * data.draw(st.integers(6, 140)),
        per_week=data.draw(st.integers(1, 3)),
        length=timedelta(minutes=data.draw(st.sampled_from((30, 45, 50, 90)))),
        windows=tuple(
            WishWindow(day, time(begins), time((begins + data.draw(st.integers(1, 6))) % 24, 10))
            for day in data.draw(st.sets(st.integers(0, 6), min_size=1))
            for begins in (data.draw(st.integers(0, 23)),)
        ),
    )
    people = [
        teacher(
            f"t{number}",
            tz,
            availability=Availability(tz, data.draw(weeks(tz, first))),
            booked=data.draw(lessons_from(first)),
        )
        for number, tz in enumerate(data.draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=6)))
    ]
    rows = [
        HoursRow(one.person_id, hour.tz, hour.weekday, hour.starts, hour.ends)
        for one in people
        for hour in one.availability.hours
    ]
    search = Search(asked, STUDENT, NOW)
    cut = Cut(search.plan, search.clocks, rows)
    found = propose(asked, STUDENT, people, NOW, most=len(people))
    for one in found.ranked:
        assert cut.days[one.person_id] >= asked.per_week
        assert not cut.booked_out(one.person_id, booked_then(people, one.person_id, cut.first_weeks))
    for left in found.left_out if len(search.plan.weekdays) >= asked.per_week else ():
        if cut.days.get(left.person_id, 0) < asked.per_week:
            assert left.reasons[0].code == "hours"
        elif cut.booked_out(left.person_id, booked_then(people, left.person_id, cut.first_weeks)):
            assert left.reasons[0].code in ("hours", "booked")


def booked_then(people: list[Teacher], person_id: str, within: Window) -> list[Window]:
    return [
        lesson
        for one in people
        if one.person_id == person_id
        for lesson in one.booked
        if lesson.overlaps(within)
    ]


@st.composite
def lessons_from(draw: st.DrawFn, first: date) -> tuple[Window, ...]:
    """Some every week for weeks, some once."""
    moment = datetime.combine(first, time(0), UTC)
    found: list[Window] = []
    for quarter in draw(st.lists(st.integers(0, 7 * 96), max_size=8)):
        starts = moment + timedelta(minutes=15 * quarter)
        found += [span(starts + n * 7 * DAY, 4 * HOUR) for n in range(draw(st.integers(1, 20)))]
    return tuple(sorted(found))


@st.composite
def weeks(draw: st.DrawFn, tz: str, first: date) -> tuple[WeeklyHours, ...]:
    """Hours that begin and end at odd minutes, go past midnight, are in two zones, or begin to hold later."""
    found: list[WeeklyHours] = []
    for day in draw(st.sets(st.integers(0, 6))):
        starts = time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 15, 20))))
        ends = time(draw(st.integers(0, 23)), draw(st.sampled_from((0, 30, 50))))
        since = first + DAY * draw(st.integers(1, 60)) if draw(st.booleans()) else None
        found.append(WeeklyHours(day, starts, ends, draw(st.sampled_from((tz, tz, "Asia/Kathmandu"))), since))
    return tuple(found)
