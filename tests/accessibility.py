"""What axe finds on a page, https://github.com/dequelabs/axe-core."""

from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}
NOT_OURS = {"duplicate-id-active"}
"""Excalidraw draws its hand tool twice under one id; no label points to it."""
AT_REST = """() => document.getAnimations().every(
    (one) => one.playState !== "running" || one.effect?.getComputedTiming().endTime > 5000)"""
"""What fades in has no contrast yet. Spinners and bars that count down are not waited for."""


def problems(page: Page) -> list[str]:
    """What axe calls serious or critical, each with the first place it is at."""
    page.wait_for_function(AT_REST)
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{item['id']}: {item['help']} at {item['nodes'][0]['target']}"
        for item in found["violations"]
        if item["impact"] in SERIOUS and item["id"] not in NOT_OURS
    ]
