"""For tests of HiLink and plugins: a moved clock, fakes of the outside, real services on a real database.

from core.testing import services
with services(tmp_path) as s:
    with s.store.write() as db: ...
    work_off(s)
"""

from core.store.bus import MemoryBus
from core.testing import seed
from core.testing.contract import plugin_contract
from core.testing.factory import plugin, services, work_off
from core.testing.fakes import FakeClock, FakeMediaServer, RecordingMailer

__all__ = [
    "FakeClock",
    "FakeMediaServer",
    "MemoryBus",
    "RecordingMailer",
    "plugin",
    "plugin_contract",
    "seed",
    "services",
    "work_off",
]
