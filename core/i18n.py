"""Words and times in the reader's language.

Babel catalogs live in ``core/locales/<lang>/LC_MESSAGES/messages.po``; the English sentence is the
message id, so English needs no translations. The ``.po`` files are read when first asked for: no
compiled file has to be kept beside them. The browser gets the same catalogs as one JavaScript module
(:func:`client_module`), so a page changes its language without asking the server.

``python -m core.i18n extract`` collects every string into the catalogs, ``check`` fails when a string
of the code has no translation, ``compile`` writes ``.mo`` files for tools that want them.
"""

import functools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, get_day_names, get_timezone_location
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from core.i18n_extract import Found, found_in_tree

LOCALES = Path(__file__).parent / "locales"
ROOT = Path(__file__).parent.parent
DEFAULT = "en"
LANGUAGES: dict[str, str] = {"en": "English", "de": "Deutsch"}
_FORMATS = {"en": "en_GB", "de": "de_DE"}
_DAYS = {"en": ("EEEE d MMMM", "EEE d MMM"), "de": ("EEEE, d. MMMM", "EEE d. MMM")}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CREATED = datetime(2026, 11, 24)
"""In every catalog: a date that changes by itself makes conflicts and says nothing."""


def N_(msgid: str) -> str:
    """Mark a string for extraction where it is only stored; it is translated where it is shown."""
    return msgid


def language(wanted: str | None) -> str:
    """The supported language nearest to ``wanted`` (a tag such as ``de-AT``), English otherwise."""
    tag = (wanted or "").replace("_", "-").split("-")[0].lower()
    return tag if tag in LANGUAGES else DEFAULT


def negotiate(accept_language: str | None) -> str:
    """The best supported language for an ``Accept-Language`` header (RFC 9110, 12.5.4)."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "").split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        ranked.append((-weight, place, tag.strip()))
    for _, _, tag in sorted(ranked):
        if tag.split("-")[0].lower() in LANGUAGES:
            return language(tag)
    return DEFAULT


@functools.cache
def catalog(lang: str) -> Catalog:
    """The catalog of ``lang``; empty for English or when the file is missing."""
    path = LOCALES / lang / "LC_MESSAGES" / "messages.po"
    if lang == DEFAULT or not path.exists():
        return Catalog(locale=lang)
    with path.open("rb") as stream:
        return read_po(stream, locale=lang)


@functools.cache
def _plural(lang: str) -> tuple[str, int]:
    """The plural rule as a C expression over ``n`` and the number of forms."""
    found = catalog(lang)
    return found.plural_expr, found.num_plurals


def _fill(text: str, values: Mapping[str, object]) -> str:
    """Put values into ``{name}`` places; an unknown name stays as it is, so nothing can raise here."""
    return _PLACEHOLDER.sub(lambda hit: str(values.get(hit[1], hit[0])), text)


def gettext(msgid: str, lang: str = DEFAULT, **values: object) -> str:
    """``msgid`` in ``lang`` with ``{name}`` places filled; the English text when there is no translation."""
    message = catalog(language(lang)).get(msgid)
    text = message.string if message and isinstance(message.string, str) and message.string else msgid
    return _fill(text, values)


def ngettext(singular: str, plural: str, n: int, lang: str = DEFAULT, **values: object) -> str:
    """The singular or plural sentence for ``n`` (also offered as ``{n}``) in ``lang``."""
    lang = language(lang)
    message = catalog(lang).get(singular)
    forms = message.string if message and isinstance(message.string, tuple) else ()
    index = 0 if n == 1 else 1
    text = forms[index] if index < len(forms) and forms[index] else (singular if n == 1 else plural)
    return _fill(text, {"n": n, **values})


def _formats(lang: str) -> str:
    return _FORMATS[language(lang)]


_TAUGHT = (
    "ar",
    "cs",
    "de",
    "el",
    "en",
    "es",
    "fr",
    "he",
    "hi",
    "it",
    "ja",
    "ko",
    "la",
    "nl",
    "pl",
    "pt",
    "ru",
    "sv",
    "tr",
    "uk",
    "zh",
)


def language_names(lang: str = DEFAULT) -> list[tuple[str, str]]:
    """(tag, name in the reader's language) of languages people teach in, by name."""
    names = Locale.parse(_FORMATS[language(lang)]).languages
    return sorted(((tag, str(names[tag]).capitalize()) for tag in _TAUGHT), key=lambda pair: pair[1])


def zone(name: str | None) -> tzinfo:
    """The IANA zone called ``name``; UTC when it is unknown or missing."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def format_time(at: datetime, tz: str, lang: str = DEFAULT) -> str:
    """Clock time in the reader's zone on the 24 hour clock: ``16:30``."""
    return format_skeleton("Hm", at.astimezone(zone(tz)), locale=_formats(lang))


def format_day(at: datetime | date, tz: str = "UTC", lang: str = DEFAULT, *, year: bool = False) -> str:
    """Weekday and date in the reader's zone: ``Thursday 12 November``."""
    day = at.astimezone(zone(tz)) if isinstance(at, datetime) else at
    pattern = _DAYS[language(lang)][0] + (" y" if year else "")
    return format_date(day, pattern, locale=_formats(lang))


def format_day_short(at: datetime | date, tz: str = "UTC", lang: str = DEFAULT) -> str:
    """Short weekday and date: ``Thu 12 Nov``."""
    day = at.astimezone(zone(tz)) if isinstance(at, datetime) else at
    return format_date(day, _DAYS[language(lang)][1], locale=_formats(lang))


def format_weekday(weekday: int, lang: str = DEFAULT) -> str:
    """A day of the week, 0 = Monday: ``Thu``."""
    return str(get_day_names("abbreviated", locale=_formats(lang))[weekday])


def format_when(at: datetime, tz: str, lang: str = DEFAULT) -> str:
    """Date and clock time, for messages: ``Thursday 12 November, 16:30``."""
    return f"{format_day(at, tz, lang)}, {format_time(at, tz, lang)}"


def relative(at: datetime, now: datetime, lang: str = DEFAULT) -> str:
    """How far away ``at`` is: ``in 12 min``, ``in 1 h 12``, ``8 min ago``, ``in 2 days``, ``now``."""
    minutes = round((at - now).total_seconds() / 60)
    if minutes == 0:
        return gettext("now", lang)
    span = duration(timedelta(minutes=abs(minutes)), lang)
    return gettext("in {span}", lang, span=span) if minutes > 0 else gettext("{span} ago", lang, span=span)


def duration(length: timedelta, lang: str = DEFAULT) -> str:
    """A length of time in the largest fitting units: ``45 min``, ``1 h 12``, ``2 days``."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 60:
        return gettext("{n} min", lang, n=minutes)
    if minutes < 24 * 60:
        hours, rest = divmod(minutes, 60)
        return gettext("{h} h {m}", lang, h=hours, m=rest) if rest else gettext("{h} h", lang, h=hours)
    return ngettext("{n} day", "{n} days", round(minutes / 1440), lang)


def zone_name(tz: str, lang: str = DEFAULT) -> str:
    """The place a zone is named after, as people say it: ``London``, ``São Paulo``."""
    if tz in ("UTC", "Etc/UTC"):
        return "UTC"
    try:
        return get_timezone_location(zone(tz), locale=_formats(lang), return_city=True)
    except (LookupError, UnknownLocaleError):
        return tz.rsplit("/", 1)[-1].replace("_", " ")


def language_name(tag: str, lang: str = DEFAULT) -> str:
    """A language as the reader calls it: ``German``, ``Deutsch``; the tag itself when nobody has named it."""
    names = cast("Mapping[str, str]", locale(lang).languages)
    return names.get(tag.split("-")[0], tag)


def same_clock(tz: str, other: str, at: datetime) -> bool:
    """Whether two zones show the same time at ``at``: only then may the zone's name be left out."""
    return at.astimezone(zone(tz)).utcoffset() == at.astimezone(zone(other)).utcoffset()


def client_catalogs() -> dict[str, dict[str, str | list[str]]]:
    """Every language but English as ``{msgid: text or plural forms}``, ready for JSON."""
    out: dict[str, dict[str, str | list[str]]] = {}
    for lang in LANGUAGES:
        if lang == DEFAULT:
            continue
        words: dict[str, str | list[str]] = {}
        for message in catalog(lang):
            if not message.id or message.fuzzy or not message.string:
                continue
            if isinstance(message.id, tuple):
                words[str(message.id[0])] = list(message.string)
            elif isinstance(message.string, str) and isinstance(message.id, str):
                words[message.id] = message.string
        out[lang] = words
    return out


def client_module() -> str:
    """The catalogs as the text of one JavaScript module (``languages``, ``formats``, ``catalogs``)."""
    formats = {lang: tag.replace("_", "-") for lang, tag in _FORMATS.items()}
    dump = functools.partial(json.dumps, ensure_ascii=False, sort_keys=True)
    return (
        f"export const languages = {dump(LANGUAGES)};\n"
        f"export const formats = {dump(formats)};\n"
        f"export const catalogs = {dump(client_catalogs())};\n"
    )


def _template() -> Catalog:
    """All strings of the code as a fresh catalog."""
    template = Catalog(project="HiLink", version="0.1", charset="utf-8", fuzzy=False, creation_date=_CREATED)
    template.header_comment = "# Texts of HiLink."
    for item in found_in_tree(ROOT):
        template.add(item.id, locations=[(item.path, item.line)], auto_comments=item.comments)
    return template


def extract() -> None:
    """Write ``messages.pot`` and merge it into each language; existing translations are kept."""
    template = _template()
    LOCALES.mkdir(exist_ok=True)
    with (LOCALES / "messages.pot").open("wb") as stream:
        write_po(stream, template, width=110, sort_output=True, include_lineno=False, omit_header=False)
    for lang in LANGUAGES:
        if lang == DEFAULT:
            continue
        catalog.cache_clear()
        found = catalog(lang)
        found.project, found.version, found.copyright_holder = "HiLink", "0.1", "the HiLink authors"
        found.header_comment = f"# {LANGUAGES[lang]} texts of HiLink, under the project's license."
        found.msgid_bugs_address = found.last_translator = found.language_team = ""
        found.update(template, no_fuzzy_matching=True)
        found.obsolete.clear()
        path = LOCALES / lang / "LC_MESSAGES" / "messages.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            write_po(stream, found, width=110, sort_output=True, include_lineno=False)
    catalog.cache_clear()


def missing(lang: str) -> list[Found]:
    """Strings of the code with no translation in ``lang``, or with other ``{places}`` than the original."""
    words = catalog(lang)
    return [item for item in found_in_tree(ROOT) if not _translated(words, item)]


def _translated(words: Catalog, item: Found) -> bool:
    message = words.get(item.id[0] if isinstance(item.id, tuple) else item.id)
    if message is None or not message.string or message.fuzzy:
        return False
    sources = item.id if isinstance(item.id, tuple) else (item.id,)
    texts: list[str] = [message.string] if isinstance(message.string, str) else list(message.string)
    if len(texts) < len(sources):
        return False
    wanted = set(_PLACEHOLDER.findall(sources[-1]))
    return all(text and set(_PLACEHOLDER.findall(text)) <= wanted for text in texts)


def _compile() -> None:
    for lang in LANGUAGES:
        if lang != DEFAULT:
            path = LOCALES / lang / "LC_MESSAGES" / "messages.mo"
            with path.open("wb") as stream:
                write_mo(stream, catalog(lang))


def _lines(lang: str) -> Iterator[str]:
    for item in missing(lang):
        yield f"{lang}: {item.path}:{item.line}: {item.id!r}"


def main(argv: list[str]) -> int:
    """Run one command; 0 when all is well, 1 when translations are missing, 2 for a wrong command."""
    match argv:
        case ["extract"]:
            extract()
        case ["compile"]:
            _compile()
        case ["check"]:
            lines = [line for lang in LANGUAGES if lang != DEFAULT for line in _lines(lang)]
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            return 1 if lines else 0
        case _:
            sys.stderr.write("usage: python -m core.i18n extract|check|compile\n")
            return 2
    return 0


def locale(lang: str) -> Locale:
    """The Babel locale used for dates and numbers in ``lang``."""
    return Locale.parse(_formats(lang))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
