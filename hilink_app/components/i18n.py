"""``t("Approve summary")``: words that follow the reader's language.

The English sentence is the key. :func:`t` gives a Var, looked up in the browser from catalogs that are
part of the build, so a page changes its language without a round trip. Write the sentence out in the
call, or the extractor cannot find it; for words kept elsewhere use ``core.i18n.N_`` and :func:`t_choice`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import reflex as rx
from reflex.utils.imports import ImportVar
from reflex.vars import VarData

from core.i18n import client_module
from hilink_app.components.scripts import shared
from hilink_app.state.i18n import I18n

_js = shared(__name__, "i18n.js")


def _write_catalogs() -> None:
    """Put the catalogs beside the linked ``i18n.js``; only where a front end may be built from."""
    if os.environ.get("REFLEX_BACKEND_ONLY") or os.environ.get("__REFLEX_SKIP_COMPILE"):
        return
    target = Path.cwd() / "assets" / "external" / "hilink_app" / "components" / "i18n" / "catalogs.js"
    text = client_module()
    if target.parent.is_dir() and (not target.exists() or target.read_text(encoding="utf-8") != text):
        fresh = target.with_suffix(f".{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)


_write_catalogs()


def _call(function: str, arguments: Sequence[str], parts: Sequence[Any]) -> rx.Var:
    """A JavaScript call as a Var that carries its import and what its arguments depend on."""
    data = [part._get_all_var_data() for part in parts if isinstance(part, rx.Var)]
    imported = VarData(imports={_js.importable_path: [ImportVar(tag=function)]})
    return rx.Var(
        _js_expr=f"({function}({', '.join(arguments)}))",
        _var_type=str,
        _var_data=VarData.merge(imported, *data),
    )


def _values(values: Mapping[str, Any]) -> tuple[str, list[rx.Var]]:
    made = {name: rx.Var.create(value) for name, value in values.items()}
    body = ", ".join(f"{json.dumps(name)}: {var!s}" for name, var in made.items())
    return f"{{{body}}}", list(made.values())


def t(msgid: str, **values: Any) -> rx.vars.StringVar:
    """``msgid`` in the reader's language; ``{name}`` places take values or Vars: ``t("In {n}", n=S.n)``."""
    body, used = _values(values)
    arguments = [str(I18n.lang), json.dumps(msgid)] + ([body] if values else [])
    return _call("hlT", arguments, [I18n.lang, *used]).to(str)


def tn(singular: str, plural: str, n: int | rx.Var, **values: Any) -> rx.vars.StringVar:
    """Singular or plural by ``n``, which is also the ``{n}`` place."""
    count = rx.Var.create(n)
    body, used = _values(values)
    arguments = [str(I18n.lang), json.dumps(singular), json.dumps(plural), str(count), body]
    return _call("hlN", arguments, [I18n.lang, count, *used]).to(str)


def t_choice(key: rx.Var | str, words: Mapping[str, str], default: str = "") -> rx.vars.StringVar:
    """The word for a key that comes from state: ``t_choice(row["state"], {"late": "Late"})``."""
    chosen = rx.Var.create(key)
    lookup = f"(({json.dumps(dict(words))})[{chosen!s}] ?? {json.dumps(default)})"
    return _call("hlT", [str(I18n.lang), lookup], [I18n.lang, chosen]).to(str)


def t_var(msgid: rx.Var | str) -> rx.vars.StringVar:
    """Translate a sentence held in state; mark it with ``N_`` where it is written."""
    text = rx.Var.create(msgid)
    return _call("hlT", [str(I18n.lang), str(text)], [I18n.lang, text]).to(str)


def t_static(strings: Sequence[str]) -> rx.vars.ObjectVar:
    """``{msgid: translated}`` as one Var, for a JSX component's ``strings`` prop."""
    return _call("hlAll", [str(I18n.lang), json.dumps(list(strings))], [I18n.lang]).to(dict)


def number(n: int | float | rx.Var) -> rx.vars.StringVar:
    """A number as the reader writes it: ``5,000`` or ``5.000``."""
    value = rx.Var.create(n)
    return _call("hlNum", [str(I18n.lang), str(value)], [I18n.lang, value]).to(str)


class _LanguageSync(rx.Component):
    library = _js.importable_path
    tag = "LanguageSync"
    lang: rx.Var[str]
    chosen: rx.Var[str]


def language_sync() -> rx.Component:
    """Keeps ``<html lang>`` right and a chosen language in a cookie; the frame contains it. Draws nothing."""
    return _LanguageSync.create(lang=I18n.lang, chosen=I18n.chosen)
