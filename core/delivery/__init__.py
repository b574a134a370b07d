"""Facts out, hooks called: the only part of HiLink that talks to the durable engine.

emit            append an event; its deliveries are queued in the same transaction
audit           record who saw or changed what
start_chain     queue a stage of the chain after a lesson
give_way        let quick work go first
register        what the lifecycle does for a stage, and for a delivery that failed for good
retry           try a failed delivery again
switch_plugin   hold a plugin's deliveries, or let them go
launch          work the queue in this process (the worker role); shutdown ends it
"""

from core.delivery.engine import Engine, give_way
from core.delivery.operate import reconcile, retry, switch_plugin, take_over, tidy
from core.delivery.outbox import audit, emit, hook_of, start_chain
from core.delivery.work import register, report_dead, run
from core.services import Services

__all__ = [
    "audit",
    "emit",
    "give_way",
    "hook_of",
    "launch",
    "reconcile",
    "register",
    "report_dead",
    "retry",
    "run",
    "shutdown",
    "start_chain",
    "switch_plugin",
    "take_over",
    "tidy",
]

_engine: Engine | None = None


def launch(services: Services) -> None:
    """Start working the queue in this process; work this slot left unfinished before runs first."""
    global _engine
    if _engine is not None:
        raise RuntimeError("already launched in this process")
    engine = Engine(services, lambda name, arguments: run(services, name, arguments))
    engine.launch()
    _engine = engine


def shutdown() -> None:
    """Stop working; idempotent. What does not finish in five seconds is recovered at the next start."""
    global _engine
    if _engine is not None:
        _engine.shutdown()
        _engine = None
