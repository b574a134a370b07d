"""Fact sentences in plain words: built from data, not from the transcript. Each function is one message."""

from collections.abc import Sequence

from babel.lists import format_list

from core.i18n import gettext, language, ngettext
from core.views import AttendanceView


def listed(names: Sequence[str], lang: str) -> str:
    """ "a, b and c" in the reader's language."""
    return format_list(list(names), locale=language(lang))


def worked_on(topics: Sequence[str], lang: str) -> str:
    return gettext("This lesson was about {topics}.", lang, topics=listed(topics, lang))


def started_on(topics: Sequence[str], lang: str) -> str:
    return gettext("We made a start on {topics}.", lang, topics=listed(topics, lang))


def coming_up(topic: str, lang: str) -> str:
    return gettext("Next in the course: {topic}.", lang, topic=topic)


def quoted(name: str, text: str, lang: str) -> str:
    return gettext("{name}: “{quote}”", lang, name=name, quote=text.strip().strip('"“”'))


def answers(name: str, right: int, total: int, lang: str) -> str:
    return ngettext(
        "{name} got {right} of {n} question right.",
        "{name} got {right} of {n} questions right.",
        total, lang, name=name, right=right,
    )  # fmt: skip


def talk(name: str, talk_s: float, lang: str) -> str:
    minutes = max(1, round(talk_s / 60))
    return ngettext("{name} spoke for {n} minute.", "{name} spoke for {n} minutes.", minutes, lang, name=name)


def presence(name: str, row: AttendanceView, planned_s: float, lang: str) -> str:
    """What attendance says about one person. planned_s: length of the lesson."""
    present = round(row.present_s / 60)
    if row.status == "excused":
        return gettext("{name} was excused from this lesson.", lang, name=name)
    if row.status == "absent" or row.present_s <= 0:
        return gettext("{name} was not in this lesson.", lang, name=name)
    if row.status == "late":
        return gettext("{name} came late and was there for {minutes} min.", lang, name=name, minutes=present)
    if row.status == "left_early":
        return gettext("{name} left early and was there for {minutes} min.", lang, name=name, minutes=present)
    if row.present_s >= 0.85 * planned_s:
        return gettext("{name} was there for the whole lesson.", lang, name=name)
    return gettext("{name} was there for {minutes} min.", lang, name=name, minutes=present)


def headline(course: str, topics: Sequence[str], lang: str) -> str:
    if not topics:
        return gettext("The {course} lesson", lang, course=course)
    return gettext("{course}: {topics}", lang, course=course, topics=listed(topics, lang))


def headline_absent(name: str, course: str, lang: str) -> str:
    return gettext("{name} missed the {course} lesson", lang, name=name, course=course)


def nothing_heard(lang: str) -> str:
    return gettext("There is no transcript of this lesson, so the draft holds facts only.", lang)


def not_accurate(lang: str) -> str:
    return gettext("The transcript is not accurate enough to quote, so the draft holds facts only.", lang)
