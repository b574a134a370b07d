"""Words in the reader's language: every string is found, every string is translated."""

from datetime import UTC, datetime, timedelta

import pytest

from core import i18n
from core.i18n_extract import javascript_strings, python_strings

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 12, 16, 30, tzinfo=UTC)


def ids(found: object) -> list[object]:
    return [item.id for item in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize("lang", [lang for lang in i18n.LANGUAGES if lang != i18n.DEFAULT])
def test_every_string_of_the_code_is_translated(lang: str) -> None:
    i18n.catalog.cache_clear()
    lines = [f"{item.path}:{item.line}: {item.id!r}" for item in i18n.missing(lang)]
    assert not lines, f"python -m core.i18n extract, then translate into {lang}:\n" + "\n".join(lines)


def test_python_calls_are_found() -> None:
    source = (
        't("One")\ngettext("Two", lang)\nN_("Three")\ntn("{n} lesson", "{n} lessons", 3)\n'
        't_static(["Four", "Five"])\nt_choice(x, {"a": "Six"})\nraise NotFound("Seven")\n'
        'raise InvalidInput("field", "Eight")\nPageSpec("/x", f, "T", ("student",), nav="Nine")\nt(name)\n'
    )
    assert set(ids(python_strings(source, "x.py"))) == {
        "One", "Two", "Three", ("{n} lesson", "{n} lessons"), "Four", "Five", "Six", "Seven", "Eight", "Nine",
    }  # fmt: skip


def test_javascript_calls_are_found() -> None:
    source = """
      const { t, tn } = useT();
      export const X = () => <b title={t("Mute all")}>{tn("{n} hand", "{n} hands", n)} {hlT(l, 'Leave')}</b>;
    """
    assert ids(javascript_strings(source, "x.jsx")) == ["Mute all", ("{n} hand", "{n} hands"), "Leave"]


def test_values_fill_their_places_and_nothing_else() -> None:
    assert i18n.gettext("in {span}", "en", span="12 min") == "in 12 min"
    assert i18n.gettext("{a} and {b}", "en", a="{b}") == "{b} and {b}"


def test_german_says_it_in_german() -> None:
    assert i18n.gettext("Sign out", "de") == "Abmelden"
    assert i18n.ngettext("{n} day", "{n} days", 2, "de") == "2 Tagen"
    assert i18n.gettext("Sign out", "fr") == "Sign out"


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,en;q=0.5", "en"),
        ("en;q=0.4, de;q=0.9", "de"),
        ("", "en"),
        (";;q=x", "en"),
    ],
)
def test_the_browser_wish_is_heard(header: str, lang: str) -> None:
    assert i18n.negotiate(header) == lang


def test_times_are_in_the_readers_zone_and_language() -> None:
    assert i18n.format_time(AT, "Europe/Berlin", "de") == "17:30"
    assert i18n.format_day(AT, "Europe/London") == "Thursday 12 November"
    assert i18n.format_day(AT, "Europe/London", "de") == "Donnerstag, 12. November"
    assert i18n.format_day(AT, "Asia/Tokyo") == "Friday 13 November"
    assert i18n.format_day_short(AT, "Europe/London") == "Thu 12 Nov"
    assert i18n.format_when(AT, "Europe/London") == "Thursday 12 November, 16:30"


@pytest.mark.parametrize(
    ("ahead", "english", "german"),
    [
        (timedelta(minutes=12), "in 12 min", "in 12 Min."),
        (timedelta(minutes=72), "in 1 h 12", "in 1 Std. 12"),
        (timedelta(minutes=-8), "8 min ago", "vor 8 Min."),
        (timedelta(days=2), "in 2 days", "in 2 Tagen"),
        (timedelta(seconds=20), "now", "jetzt"),
    ],
)
def test_how_far_away(ahead: timedelta, english: str, german: str) -> None:
    assert i18n.relative(AT + ahead, AT) == english
    assert i18n.relative(AT + ahead, AT, "de") == german


def test_zones_are_named_as_people_say_them() -> None:
    assert i18n.zone_name("America/Sao_Paulo", "de") == "São Paulo"
    assert i18n.zone_name("Africa/Lagos") == "Lagos"
    assert i18n.zone_name("Nowhere/Unknown_Place") == "UTC"
    assert not i18n.same_clock("Europe/London", "Europe/Berlin", AT)
    assert i18n.same_clock("Africa/Lagos", "Europe/Berlin", AT)


def test_the_browser_gets_the_same_catalogs() -> None:
    module = i18n.client_module()
    assert '"Sign out": "Abmelden"' in module
    assert '"{n} day": ["{n} Tag", "{n} Tagen"]' in module
