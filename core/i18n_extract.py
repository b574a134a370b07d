"""Find translatable strings in the code: Python by its syntax tree, JavaScript by Babel's extractor.

The Python side knows our calls: ``t("...")``, ``gettext``, ``say`` and ``N_`` take one sentence,
``tn("...", "...")`` and ``ngettext`` two; ``t_static([...])`` and ``t_choice(var, {...})`` hold several.
Sentences of user errors count too: ``NotFound("...")`` and the ``message`` defaults in ``core/errors.py``.
A sentence must be written out in the call: a name or an f-string there is an error, not a silent gap.
"""

import ast
import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from babel.messages.extract import extract_javascript

ONE = {"t", "gettext", "N_", "_t", "say"}
ERRORS = {
    "UserError": 0,
    "NotSignedIn": 0,
    "NotAllowed": 0,
    "NotFound": 0,
    "InvalidInput": 1,
    "Conflict": 0,
    "SessionNotOpen": 0,
    "TooLarge": 0,
    "TooMany": 0,
}
"""Our errors and the place of their sentence among the arguments."""
KEYWORDS = {"PageSpec": ("nav",), "NavEntry": ("label",)}
"""Named arguments that hold a word for the screen, by the call they stand in."""
TWO = {"tn", "ngettext"}
MANY = {"t_static": 0, "t_choice": 1}
JS_ONE = {"t": None, "hlT": (2,), "gettext": None}
JS_TWO = {"tn": (1, 2), "hlN": (2, 3)}
FOLDERS = ("core", "hilink_app", "plugins")
SKIPPED = {"tests", "node_modules", "migrations", ".web", "__pycache__", "external"}


@dataclass(frozen=True)
class Found:
    """One string in the code: ``id`` is the sentence, or (singular, plural)."""

    id: str | tuple[str, str]
    path: str
    line: int
    comments: tuple[str, ...] = ()


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _several(node: ast.expr) -> Iterator[str]:
    """Strings written in a list, tuple or the values of a dict."""
    items: list[ast.expr] = []
    match node:
        case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
            items = elts
        case ast.Dict(values=values):
            items = values
        case _:
            return
    for item in items:
        if (text := _text(item)) is not None:
            yield text


def _message_defaults(node: ast.FunctionDef) -> Iterator[str]:
    """Default of a ``message`` parameter, when it is a written sentence."""
    named = node.args.args[len(node.args.args) - len(node.args.defaults) :]
    for arg, default in zip(named, node.args.defaults, strict=True):
        if arg.arg == "message" and (text := _text(default)):
            yield text


def python_strings(source: str, path: str) -> Iterator[Found]:
    """Strings marked for translation in one Python file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name == "__init__" and path == "core/errors.py":
            yield from (Found(text, path, node.lineno) for text in _message_defaults(node))
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        for keyword in node.keywords:
            if keyword.arg in KEYWORDS.get(name, ()) and (text := _text(keyword.value)):
                yield Found(text, path, node.lineno)
        if not node.args:
            continue
        first = _text(node.args[0])
        if name in ONE and first:
            yield Found(first, path, node.lineno)
        elif name in ERRORS and len(node.args) > ERRORS[name] and (text := _text(node.args[ERRORS[name]])):
            yield Found(text, path, node.lineno)
        elif name in TWO and first and len(node.args) > 1 and (second := _text(node.args[1])):
            yield Found((first, second), path, node.lineno)
        elif name in MANY and len(node.args) > MANY[name]:
            for text in _several(node.args[MANY[name]]):
                yield Found(text, path, node.lineno)


def javascript_strings(source: str, path: str) -> Iterator[Found]:
    """Strings marked for translation in one JavaScript or JSX file."""
    keywords = {**JS_ONE, **JS_TWO}
    stream = io.BytesIO(source.encode())
    for line, name, found, _ in extract_javascript(stream, keywords, [], {"jsx": True, "encoding": "utf-8"}):
        if not isinstance(name, str):
            continue
        given = [found] if isinstance(found, str) else list(found)
        spec = keywords[name]
        picked = [given[place - 1] for place in spec if place <= len(given)] if spec else given[:1]
        texts = [text for text in picked if text]
        if name in JS_TWO and len(texts) == 2:
            yield Found((texts[0], texts[1]), path, line)
        elif name in JS_ONE and texts:
            yield Found(texts[0], path, line)


def babel_python(
    fileobj: IO[bytes], keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, str, str | tuple[str, str], list[str]]]:
    """The same for Babel's own tools (see babel.cfg): (line, function, message, comments)."""
    for item in python_strings(fileobj.read().decode(), getattr(fileobj, "name", "")):
        yield item.line, "ngettext" if isinstance(item.id, tuple) else "gettext", item.id, []


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".py", ".js", ".jsx"} and not SKIPPED & set(path.relative_to(root).parts):
                yield path


@functools.cache
def found_in_tree(root: Path) -> tuple[Found, ...]:
    """Every marked string below ``root``, each sentence once, plural forms winning over a bare singular."""
    seen: dict[str, Found] = {}
    for path in _files(root):
        read = python_strings if path.suffix == ".py" else javascript_strings
        for item in read(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()):
            key = item.id[0] if isinstance(item.id, tuple) else item.id
            if key not in seen or (isinstance(item.id, tuple) and isinstance(seen[key].id, str)):
                seen[key] = item
    return tuple(seen[key] for key in sorted(seen))
