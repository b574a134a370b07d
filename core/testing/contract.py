"""What every plugin keeps to, as one check. A plugin's tests/test_contract.py needs three lines:

pytestmark = pytest.mark.contract
test_contract = plugin_contract("plugins.whiteboard")
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmodel import Session, SQLModel, func, select

from core.delivery import emit
from core.delivery.context import DeliveryContext
from core.delivery.work import arguments_of
from core.domain.event import Delivery
from core.events import AttendanceFinalized, CaseChanged, Event, SessionScheduled, SummaryChanged
from core.hookspecs import LIFECYCLE_HOOKS
from core.plugins import Plugins
from core.services import Services
from core.store import migrate
from core.testing import seed
from core.testing.factory import plugin, services, work_off

README_HEADINGS = (
    "what it does",
    "hooks",
    "settings",
    "tables and personal data",
    "when it fails",
    "limits",
)
_BOOKKEEPING = frozenset({"domain_event", "delivery", "step_done", "audit_entry"})


def plugin_contract(package: str, name: str = "") -> Callable[[Path], None]:
    """A test function for this plugin. name: its entry point, when that is not the package's last part."""

    def test(tmp_path: Path) -> None:
        check_plugin(package, tmp_path, name)

    test.__doc__ = f"{package} keeps the plugin contract."
    return test


def check_plugin(package: str, tmp_path: Path, name: str = "") -> None:
    """AssertionError or PluginError with a sentence that says which rule is broken."""
    module = importlib.import_module(package)
    name = name or package.rpartition(".")[2].removeprefix("hilink_")
    plugins = Plugins.load(built_ins=(), third_party=(), extra={name: module})
    _check_words(plugins, name)
    _check_tables(plugins, name, tmp_path / "migrated")
    _check_hooks(module, name, tmp_path)


def _check_words(plugins: Plugins, name: str) -> None:
    loaded = plugins.get(name)
    assert loaded.description, f"{name}: the package's docstring is its description for admins; it is empty"
    assert loaded.readme, f"{name}: there is no README.md beside __init__.py"
    headings = [line.casefold() for line in re.findall(r"^#+ (.+)$", loaded.readme, re.MULTILINE)]
    missing = [wanted for wanted in README_HEADINGS if not any(wanted in heading for heading in headings)]
    assert not missing, f"{name}: README.md has no heading for {', '.join(missing)}"


def _check_tables(plugins: Plugins, name: str, folder: Path) -> None:
    """Every table is in the plugin's migrations, exactly, and named after it (the loader checks the name)."""
    tables = [table for table in SQLModel.metadata.tables if table.startswith(f"{name}_")]
    if not tables:
        return
    assert plugins.get(name).migrations, f"{name}: has tables but no migrations/versions"
    with services(folder, plugins=plugins, migrated=True) as made:
        problem = migrate.check(made.settings, plugins, name)
        assert not problem, f"{name}: migrations and models differ: {problem}"


def _check_hooks(module: Any, name: str, tmp_path: Path) -> None:
    """Each lifecycle hook works beside a failing neighbour, and changes nothing the second time."""

    def explode() -> None:
        raise RuntimeError("a neighbour that always fails")

    neighbour = plugin("neighbour", **dict.fromkeys(LIFECYCLE_HOOKS, explode))
    extra = {"neighbour": neighbour, name: module}
    with services(tmp_path, plugins=extra, delivery_backoff_s=()) as made:
        with made.store.write() as db:
            for event in _ordinary_events(db):
                emit(db, event)
        work_off(made)
        with made.store.read() as db:
            deliveries = list(db.exec(select(Delivery).where(Delivery.plugin == name)))
        for delivery in deliveries:
            assert delivery.status == "done", f"{name}: {delivery.hook} failed: {delivery.error}"
            _check_again(made, delivery)


def _check_again(made: Services, delivery: Delivery) -> None:
    """The same delivery once more, as after a crash before its end was written."""
    before = _counts(made)
    with made.store.read() as db:
        arguments = arguments_of(db, delivery)
    assert arguments is not None
    context = DeliveryContext(made, delivery.id, delivery.event_id, delivery.plugin, attempt=2)
    made.plugins.call_and_wait(delivery.plugin, delivery.hook, ctx=context, **arguments)
    after = _counts(made)
    grown = sorted(table for table in after if after[table] != before[table])
    assert not grown, f"{delivery.plugin}: {delivery.hook} run again changed {', '.join(grown)}"


def _ordinary_events(db: Session) -> list[Event]:
    one = seed.lesson(db, students=2)
    seed.ended(db, one)
    summary, case = seed.drafted(db, one), seed.case(db, one)
    id_ = one.session.id
    return [
        SessionScheduled(session_id=id_, change="scheduled", version=1),
        AttendanceFinalized(session_id=id_, version=1),
        SummaryChanged(session_id=id_, summary_id=summary.id, change="drafted", version=1),
        CaseChanged(session_id=id_, case_id=case.id, change="opened", version=1, case_kind=case.kind),
    ]


def _counts(made: Services) -> dict[str, int]:
    tables = SQLModel.metadata.tables
    with made.store.read() as db:
        return {
            name: db.exec(select(func.count()).select_from(table)).one()
            for name, table in tables.items()
            if name not in _BOOKKEEPING
        }
