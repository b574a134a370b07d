"""What a sentence does in a lesson, told by its words: homework, what comes next, praise, difficulty.

Plain word lists, English and German: every hit can be explained. No judgement of feelings.
"""

import re


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b", re.IGNORECASE)


def _has(pattern: re.Pattern[str], text: str) -> bool:
    """Engines write both kinds of apostrophe."""
    return pattern.search(text.replace("’", "'")) is not None


_HOMEWORK = _any(
    r"homework",
    r"for (?:the )?next (?:time|lesson|week),? (?:please )?(?:do|read|write|learn|practi[cs]e|finish|try)",
    r"(?:please )?(?:do|finish|read|practi[cs]e|complete|learn|write|try) (?:the )?"
    r"(?:exercises?|questions?|pages?|chapter|worksheet|problems?|tasks?)(?: \w+){0,6} "
    r"(?:at home|by|until|before|for)",
    r"hausaufgaben?",
    r"bis (?:zum )?nächste[ns]? (?:mal|woche|stunde)",
)
_NO_HOMEWORK = _any(
    r"(?:did you (?:do|finish)|have you done|last) (?:\w+ ){0,3}homework",
    r"(?:no|without) homework",
    r"keine hausaufgaben?",
    r"hast du (?:\w+ ){0,3}hausaufgaben?",
)
_NEXT = _any(
    r"next (?:time|week|lesson|session)",
    r"(?:tomorrow|on (?:mon|tues|wednes|thurs|fri)day) we",
    r"nächste[sn]? (?:mal|woche|stunde)",
)
_PRAISE = _any(
    r"well done",
    r"good (?:job|work|thinking|answer|idea|point|question)",
    r"(?:very|really|so) good",
    r"great|excellent|perfect|exactly|brilliant",
    r"that'?s (?:right|correct|it)",
    r"you(?:'ve| have)? got it",
    r"nice(?:ly)?(?: work| done)?",
    r"sehr gut|super|genau|richtig|prima|toll|gut gemacht",
)
_HARD = _any(
    r"(?:don'?t|do not|didn'?t|can'?t) (?:really )?"
    r"(?:understand|get (?:it|that|this)|follow|remember|see how)",
    r"(?:i'?m|i am|getting) (?:\w+ )?(?:confused|stuck|lost)",
    r"(?:too|so|really|very) (?:hard|difficult)",
    r"not sure (?:how|what|why|about|if)",
    r"i forgot|no idea|what does (?:that|this|it) mean",
    r"versteh(?:e|st)? (?:\w+ ){0,3}nicht",
    r"kapier(?:e)? (?:\w+ ){0,3}nicht",
    r"(?:zu|so|sehr) schwer",
    r"keine ahnung",
    r"weiß (?:\w+ ){0,2}nicht",
)
_NEGATED_PRAISE = _any(
    r"(?:not|isn'?t|wasn'?t|nicht|noch nicht) (?:\w+ ){0,2}(?:right|correct|good|perfect|richtig|gut)"
)
_THIRD_PERSON = _any(r"s?he(?:'s)?|him|his|hers?|er|ihm|ihn", r"seine?[mnrs]?", r"ihre?[mnrs]?")
_SECOND_PERSON = _any(
    r"you", r"your", r"you'?(?:re|ve|ll)", r"yours", r"du", r"dir", r"dich", r"deine?[mnrs]?"
)
_ALL = _any(r"all of you", r"everyone", r"everybody", r"you all", r"you guys", r"class", r"alle", r"ihr")
_PRIVATE = re.compile(
    r"@|https?:|www\.|\d[\d\s/-]{6,}\d|\b(?:password|passwort|address|adresse|phone|telefon|doctor|arzt|hospital|"
    r"krankenhaus|divorced?|geschieden|medication|diagnos\w*)\b",
    re.IGNORECASE,
)


def homework(text: str) -> bool:
    return _has(_HOMEWORK, text) and not _has(_NO_HOMEWORK, text) and not text.rstrip().endswith("?")


def coming_next(text: str) -> bool:
    return _has(_NEXT, text) and not homework(text) and not text.rstrip().endswith("?")


def praise(text: str) -> bool:
    return _has(_PRAISE, text) and not _has(_NEGATED_PRAISE, text)


def difficulty(text: str) -> bool:
    return _has(_HARD, text)


def about_a_third_person(text: str) -> bool:
    """Speaks of somebody: in a group that may be another child."""
    return _has(_THIRD_PERSON, text)


def to_one_person(text: str) -> bool:
    """Says "you" without "all of you": in a group that may be another child."""
    return _has(_SECOND_PERSON, text) and not _has(_ALL, text)


def private(text: str) -> bool:
    """Contact data, health, family matters: never quoted in any draft."""
    return _has(_PRIVATE, text)
