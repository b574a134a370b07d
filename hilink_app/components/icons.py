"""Lucide icons in our three sizes, always decoration: the word beside them is what is read."""

from typing import Any

import reflex as rx
from reflex_components_lucide.icon import LUCIDE_ICON_LIST

from hilink_app.components.tokens import cls


def icon(name: str, size: str = "", **props: Any) -> rx.Component:
    """``size``: "s" 13 px, "" 16 px, "l" 20 px, "xl" 24 px. Hidden from screen readers.

    Raises ValueError for a name that is not in Reflex's Lucide list (it would draw another icon instead).
    """
    if name.replace("-", "_") not in LUCIDE_ICON_LIST:
        raise ValueError(f"no such icon: {name}")
    pixels = {"s": 13, "l": 20, "xl": 24}.get(size, 16)
    props.setdefault("custom_attrs", {"aria-hidden": "true"})
    return rx.icon(name, size=pixels, class_name=cls("hl-i", size, str(props.pop("class_name", ""))), **props)
