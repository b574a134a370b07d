"""House rules for tests, enforced: every file states its kind, nothing is skipped, quick kinds run first."""

from collections.abc import Generator

import pytest

KINDS = ("unit", "contract", "media", "e2e")


def kind_of(item: pytest.Item) -> str | None:
    """The one kind an item's file declares with `pytestmark`."""
    module = item.getparent(pytest.Module)
    marks = getattr(module.obj, "pytestmark", []) if module else []
    declared = [mark.name for mark in (marks if isinstance(marks, list) else [marks]) if mark.name in KINDS]
    return declared[0] if len(declared) == 1 else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    kinds = {item: kind_of(item) for item in items}
    unmarked = sorted({str(item.path) for item, kind in kinds.items() if kind is None})
    if unmarked:
        files = "\n  ".join(unmarked)
        raise pytest.UsageError(
            f"a test file needs exactly one `pytestmark = pytest.mark.X`, X in {'|'.join(KINDS)}:\n  {files}"
        )
    items.sort(key=lambda item: KINDS.index(kinds[item] or "unit"))


def _refuse(reason: object) -> str:
    text = reason[2] if isinstance(reason, tuple) and len(reason) == 3 else reason
    return f"a skipped test counts as failed: set up what it needs, or delete it ({text})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = _refuse(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = _refuse(report.longrepr)
    return report
