"""Lessons go to the node near their people and outlive it: three nodes in places of their own, real Chromium."""

import math
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page

from core.domain import Room
from core.lifecycle import media
from core.lifecycle.media import Beat, NodeRegistry
from core.lifecycle.provision import provision_room
from core.ports import MediaRights
from core.services import Services
from core.testing import seed, services
from rtc.media_pool import MediaPool
from rtc.tests.conftest import Pages, chromium, eventually, serving
from rtc.tests.nodes import KEY, NodeProcess, all_up
from rtc.tests.regions import regions
from rtc.tests.test_browser import meet

pytestmark = pytest.mark.media

PLACES = {"eu": "Europe/Berlin", "us": "America/New_York", "asia": "Asia/Tokyo"}
DELAYS_S = {"eu": 0.004, "us": 0.05, "asia": 0.12}
"""One way, seen from people in Europe."""
RTT = """async () => {
  const report = [...((await session.subscriber?.pc.getStats())?.values() ?? [])];
  const transport = report.find((one) => one.type === 'transport');
  return report.find((one) => one.id === transport?.selectedCandidatePairId)?.currentRoundTripTime ?? 0;
}"""


@pytest_asyncio.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[dict[str, NodeProcess]]:
    async with regions(*DELAYS_S.values()) as places:
        made = {
            name: NodeProcess(tmp_path, name, place.host, place.prefix, {"HILINK_MEDIA_REGION": name})
            for name, place in zip(PLACES, places, strict=True)
        }
        await all_up(*made.values())
        yield made
        for node in made.values():
            node.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Services]:
    where = ",".join(f"{region}={zone}" for region, zone in PLACES.items())
    with services(tmp_path / "web", media_regions=where) as made:
        yield made


def lesson_of(made: Services, zone: str) -> str:
    """A provisioned lesson of people who live there."""
    with made.store.write() as db:
        one = seed.lesson(db)
        for person in (one.instructor, *one.students):
            person.tz = zone
            db.add(person)
        provision_room(db, one.session.id)
        return one.session.id


def node_of(made: Services, room_id: str) -> str:
    with made.store.read() as db:
        return db.get_one(Room, room_id).node


def report(nodes: dict[str, NodeProcess]) -> None:
    for name, node in nodes.items():
        media.heard(Beat(name, "1", name, node.url, media.VERSION, 0.0, 0, 0, 5.0))


async def takes(page: Page, at_least_s: float, below_s: float = math.inf) -> None:
    """Wait until a round trip of the page's media takes about that long: a busy machine adds to some of them."""

    async def fits() -> bool:
        return at_least_s <= float(await page.evaluate(RTT)) < below_s

    await eventually(fits, 30)


async def test_rooms_are_near_their_people(made: Services, nodes: dict[str, NodeProcess]) -> None:
    report(nodes)
    pool = MediaPool(NodeRegistry(made.store, made.settings, made.clock), KEY, "ws://127.0.0.1:9/control")
    for zone, name in (("America/Chicago", "us"), ("Asia/Seoul", "asia"), ("Europe/Vienna", "eu")):
        room_id = lesson_of(made, zone)
        await pool.join(room_id, "ann", MediaRights())
        assert node_of(made, room_id) == name
    await pool.close()


async def test_a_lesson_in_europe_is_quick_and_outlives_its_node(
    made: Services, nodes: dict[str, NodeProcess]
) -> None:
    report(nodes)
    room_id = lesson_of(made, "Europe/Vienna")
    registry = NodeRegistry(made.store, made.settings, made.clock)
    pool = MediaPool(registry, KEY, "ws://127.0.0.1:9/control")
    async with serving(pool) as server, chromium() as browser:
        pages = Pages(browser, server)
        ann = await pages.join("ann", width=320, room=room_id)
        bob = await pages.join("bob", width=320, room=room_id)
        await meet((ann, "ann"), (bob, "bob"))
        await takes(ann, 2 * DELAYS_S["eu"], below_s=2 * DELAYS_S["us"])
        nodes["eu"].end()
        await takes(ann, 2 * DELAYS_S["us"])
        await meet((ann, "ann"), (bob, "bob"))
        assert node_of(made, room_id) == "us", "the next nearest, not the farthest"
    await pool.close()
