"""HiLink for plugin authors: the public API of `core`, and nothing else.

`from hilink import hookimpl` is all most plugins need.
"""

from core.errors import HiLinkError, InvalidInput, NotAllowed, NotFound, PluginError, UserError
from core.hookspecs import HOOK_API, hookimpl
from core.ports import Bus, Clock, HookContext, MediaServer, Store
from core.views import (
    AttendanceView,
    CaseView,
    ClassSessionView,
    CoverageDraft,
    ReportDraft,
    SeatView,
    SegmentView,
    Sentence,
    SummaryDraft,
    SummaryInput,
    SummaryView,
    TopicView,
)

__all__ = [
    "HOOK_API",
    "AttendanceView",
    "Bus",
    "CaseView",
    "ClassSessionView",
    "Clock",
    "CoverageDraft",
    "HiLinkError",
    "HookContext",
    "InvalidInput",
    "MediaServer",
    "NotAllowed",
    "NotFound",
    "PluginError",
    "ReportDraft",
    "SeatView",
    "SegmentView",
    "Sentence",
    "Store",
    "SummaryDraft",
    "SummaryInput",
    "SummaryView",
    "TopicView",
    "UserError",
    "hookimpl",
]
