"""What a stranger's plugin offers is really used: message channels, speech engines, places in pages."""

from pathlib import Path

import pytest
from sqlmodel import select

from core.domain import Message
from core.lifecycle.notify import MessageView, queue_message, send_due
from core.testing import plugin, seed, services

pytestmark = pytest.mark.unit


async def test_a_message_goes_through_the_channel_a_plugin_offers(tmp_path: Path) -> None:
    sent: list[MessageView] = []

    async def carry(message: MessageView) -> None:
        sent.append(message)

    pigeon = plugin("pigeon", message_channels=lambda: [("pigeon", carry)])
    with services(tmp_path, plugins={"pigeon": pigeon}) as made:
        with made.store.write() as db:
            reader = seed.person(db, "Rita Reader", "guardian")
            queue_message(db, "greeting", reader.id, dedupe="by pigeon")
            queue_message(db, "greeting", reader.id, dedupe="by mail")
            row = db.exec(select(Message).where(Message.dedupe == "by pigeon")).one()
            row.channel = "pigeon"
            db.add(row)
        await send_due()
        with made.store.read() as db:
            states = {row.dedupe: row.status for row in db.exec(select(Message))}
    assert [message.kind for message in sent] == ["greeting"]
    assert states == {"by pigeon": "sent", "by mail": "queued"}, "nobody offers mail here: it waits"


def test_a_speech_engine_a_plugin_offers_takes_the_place_of_ours() -> None:
    from core.plugins import Plugins
    from plugins.transcription.engine import Engine, EngineUnavailable, choose
    from plugins.transcription.settings import TranscriptionSettings

    better = plugin("ear", transcribers=lambda: [("pocketsphinx", lambda settings: Engine("ear", None))])
    loaded = Plugins.load(built_ins=(), third_party=(), extra={"ear": better})
    offers = dict(engine for _, offered in loaded.call("transcribers") for engine in offered)

    def away(settings: TranscriptionSettings) -> Engine:
        raise EngineUnavailable("not here")

    assert choose(TranscriptionSettings(engine="auto"), {"faster-whisper": away, **offers}).name == "ear"


def test_a_place_in_a_page_draws_what_plugins_put_there_in_their_order() -> None:
    import reflex as rx

    from core.plugins import Plugins
    from hilink_app.components import slots as places

    first = plugin("first", slots=lambda: [("student.home", lambda: rx.text("one"))])
    second = plugin("second", slots=lambda: [("student.home", lambda: rx.text("two"))])
    loaded = Plugins.load(built_ins=(), third_party=(), extra={"first": first, "second": second})
    before = dict(places._filled)
    try:
        places.fill_slots(loaded.call("slots"))
        drawn = "".join(str(one.render()) for one in places.slot("student.home"))
        assert places.slot("guardian.home") == []
    finally:
        places._filled.clear()
        places._filled.update(before)
    assert "one" in drawn and "two" in drawn
