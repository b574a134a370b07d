"""The days the form for a new plan offers."""

from datetime import date, timedelta

import pytest

from core.errors import InvalidInput
from core.lifecycle.plans import MOST_DAYS
from hilink_app.state.plans import _day, _days

pytestmark = pytest.mark.unit

TODAY = date(2027, 2, 20)


def test_from_the_first_wish_to_a_term_after_the_last_one() -> None:
    assert _days("2027-03-01", "2027-03-08", TODAY) == ("2027-03-01", "2027-05-31")


def test_nothing_in_the_past_is_offered_and_nothing_waiting_is_a_term_from_today() -> None:
    assert _days("2027-01-01", "2027-01-01", TODAY) == _days("", "", TODAY) == ("2027-02-20", "2027-05-15")


def test_a_plan_is_never_offered_longer_than_it_may_be() -> None:
    first, last = (date.fromisoformat(day) for day in _days("2027-03-01", "2028-12-01", TODAY))
    assert last == first + timedelta(days=MOST_DAYS - 1)


@pytest.mark.parametrize("text", ["", "soon", "2027-13-01"])
def test_what_is_no_date_is_said_at_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        _day({"until_day": text}, "until_day")
    assert error.value.field == "until_day"
