"""The operator's pages: is the system healthy? Health, plugins, deliveries and the audit log."""

import reflex as rx

from core.i18n import N_
from core.queries.operate import DeliveryLine, NodeLine, PluginLine
from hilink_app import components as ui
from hilink_app.components.page import PageSpec
from hilink_app.pages import case_box
from hilink_app.state.operations import (
    AUDIT,
    DELIVERIES,
    HEALTH,
    PAGE_SIZE,
    PLUGINS,
    STATUSES,
    AuditLog,
    Deliveries,
    Operations,
    PluginSwitches,
)

t = ui.t

STATUS_WORDS = {
    "waiting": N_("Waiting"),
    "held": N_("Held"),
    "failed": N_("Failed"),
    "done": N_("Done"),
    "skipped": N_("Skipped"),
}


def _trouble(when: rx.Var, says: rx.Var, *action: rx.Component) -> rx.Component:
    return rx.cond(
        when,
        rx.el.li(
            ui.row(
                ui.icon("circle-alert", class_name="hl-t-warn"),
                rx.el.span(says),
                ui.spacer(),
                *action,
                wrap=False,
            ),
            class_name="hl-li",
        ),
    )


def _answer() -> rx.Component:
    """The answer in one sentence, and what to do when it is no."""
    health = Operations.health
    failed = Operations.deliveries["failed"]
    well = ui.callout(
        "ok",
        "circle-check",
        rx.el.h2(t("Everything runs"), class_name="hl-h2"),
        t("Workers answer, timers fire in time, nothing failed."),
    )
    bad = ui.panel(
        ui.panel_head(t("Something needs you")),
        rx.el.ul(
            _trouble(
                ~Operations.alive, t("No worker answers: messages, timers and the work after lessons wait.")
            ),
            _trouble(
                ~Operations.sound, t("No media node answers: lessons have no sound and no pictures now.")
            ),
            _trouble(
                health.timers_late > 0,
                ui.tn("{n} timer is late.", "{n} timers are late.", health.timers_late),
                ui.quiet(t("the oldest by {n} s", n=health.oldest_timer_s)),
            ),
            _trouble(
                failed > 0,
                ui.tn("{n} delivery to a plugin failed.", "{n} deliveries to plugins failed.", failed),
                ui.link(t("See them"), DELIVERIES + "?status=failed"),
            ),
            _trouble(
                health.messages_failed > 0,
                ui.tn(
                    "{n} message could not be sent.",
                    "{n} messages could not be sent.",
                    health.messages_failed,
                ),
            ),
            class_name="hl-list",
        ),
    )
    return rx.el.div(rx.cond(health.ok, well, bad), role="status")


def _worker(worker: rx.Var[tuple[str, int]]) -> rx.Component:
    return rx.el.li(
        ui.row(
            rx.el.b(worker[0]),
            ui.spacer(),
            rx.cond(
                worker[1] < 30,
                ui.chip(t("heard {n} s ago", n=worker[1]), "ok", icon_name="check"),
                ui.chip(t("silent for {n} s", n=worker[1]), "warn", icon_name="circle-alert"),
            ),
        ),
        class_name="hl-li",
    )


def _node(node: rx.Var[NodeLine]) -> rx.Component:
    state = rx.match(
        node.state,
        ("ready", ui.chip(t("ready"), "ok", icon_name="check")),
        ("draining", ui.chip(t("draining"), icon_name="power")),
        ("stopped", ui.chip(t("stopped"), icon_name="power")),
        ("foreign", ui.chip(t("another version"), "warn", icon_name="circle-alert")),
        ui.chip(t("silent for {n} s", n=node.silent_s), "warn", icon_name="circle-alert"),
    )
    act = rx.match(
        node.state,
        (
            "ready",
            ui.button(
                t("Drain"),
                size="s",
                on_click=Operations.drain(node.name, True),
                aria_label=t("Drain: {name}", name=node.name),
            ),
        ),
        (
            "draining",
            ui.button(
                t("Take rooms again"),
                size="s",
                on_click=Operations.drain(node.name, False),
                aria_label=t("Take rooms again: {name}", name=node.name),
            ),
        ),
        rx.fragment(),
    )
    return rx.el.li(
        ui.row(rx.el.b(node.name), ui.quiet(node.region), ui.spacer(), state, act),
        ui.quiet(
            t(
                "{rooms} rooms, {people} people, {load} % of a core",
                rooms=node.rooms,
                people=node.participants,
                load=node.load,
            )
        ),
        class_name="hl-li",
        custom_attrs={"data-node": node.name},
    )


def operations() -> rx.Component:
    """Health: the answer above the fold, then the queue, then the numbers."""
    health = Operations.health
    queue = ui.panel(
        rx.el.div(
            ui.panel_head(
                t("Needs an operator"), note=ui.tn("{n} case", "{n} cases", Operations.cases.length())
            ),
            padding="16px 20px 8px",
        ),
        rx.cond(
            Operations.cases.length() > 0,
            ui.case_list(rx.foreach(Operations.cases, case_box.card)),
            ui.empty(
                t("Nothing needs you now"),
                t("A case appears here when a plugin, a timer or a room keeps failing."),
            ),
        ),
        pad=False,
        class_name="clip",
    )
    workers = ui.panel(
        ui.panel_head(t("Workers")),
        rx.cond(
            Operations.workers.length() > 0,
            rx.el.ul(rx.foreach(Operations.workers, _worker), class_name="hl-list"),
            ui.missing(t("No worker has been here"), t("Start one with the command: hilink worker")),
        ),
    )
    nodes = ui.panel(
        ui.panel_head(t("Media nodes")),
        rx.cond(
            Operations.nodes.length() > 0,
            rx.el.ul(rx.foreach(Operations.nodes, _node), class_name="hl-list"),
            ui.missing(t("No media node has been here"), t("Start one with the command: hilink media")),
        ),
    )
    numbers = ui.panel(
        ui.panel_head(t("Now")),
        ui.facts(
            (t("Lessons live"), health.live),
            (t("Events, last hour"), health.events_hour),
            (t("Timers late"), health.timers_late),
            (t("Messages waiting"), health.messages_waiting),
            (t("Messages failed"), health.messages_failed),
            *(
                (t("Deliveries: {status}", status=ui.t_var(STATUS_WORDS[s])), Operations.deliveries[s])
                for s in STATUSES[:3]
            ),
            label_px=170,
        ),
    )
    page = ui.stack(_answer(), ui.columns([queue], [workers, nodes, numbers]))
    return rx.fragment(
        ui.frame(t("Health"), ui.when_ready(Operations.ready, page), current=HEALTH), case_box.dialog()
    )


def _plugin(line: rx.Var[PluginLine]) -> rx.Component:
    state = rx.match(
        line.state,
        ("on", ui.chip(t("on"), "ok", icon_name="check")),
        ("broken", ui.chip(t("broken"), "bad", icon_name="circle-alert")),
        ui.chip(t("off"), icon_name="power"),
    )
    act = rx.match(
        line.state,
        (
            "on",
            ui.button(
                t("Switch off"),
                size="s",
                on_click=PluginSwitches.switch_off(line.name),
                aria_label=t("Switch off: {name}", name=line.title),
            ),
        ),
        (
            "off",
            ui.button(
                t("Switch on"),
                size="s",
                on_click=PluginSwitches.ask(line.name),
                aria_label=t("Switch on: {name}", name=line.title),
            ),
        ),
        rx.fragment(),
    )
    counts = rx.fragment(
        rx.cond(
            line.held > 0,
            ui.link(t("{n} held", n=line.held), DELIVERIES + "?status=held&plugin=" + line.name),
        ),
        rx.cond(
            line.failed > 0,
            ui.link(t("{n} failed", n=line.failed), DELIVERIES + "?status=failed&plugin=" + line.name),
        ),
    )
    return rx.el.li(
        ui.row(
            rx.el.h2(line.title, class_name="hl-h3"),
            ui.quiet(line.version),
            state,
            rx.cond(line.builtin, ui.quiet(t("built in"))),
            counts,
            ui.spacer(),
            act,
        ),
        rx.el.p(line.description, class_name="hl-q"),
        rx.cond(line.hooks != "", ui.quiet(t("Hooks: {hooks}", hooks=line.hooks))),
        rx.cond(line.problem != "", rx.el.p(t("It cannot be loaded: {problem}", problem=line.problem))),
        rx.cond(PluginSwitches.asking == line.name, _backlog()),
        class_name="hl-li",
        custom_attrs={"data-plugin": line.name},
    )


def _backlog() -> rx.Component:
    """What to do with what was held while it was off."""
    return ui.callout(
        "info",
        "circle-help",
        rx.el.p(
            ui.tn(
                "{n} delivery was held while it was off. Should it catch up?",
                "{n} deliveries were held while it was off. Should it catch up?",
                PluginSwitches.held,
            )
        ),
        ui.row(
            ui.primary(
                t("Switch on and catch up"),
                size="s",
                on_click=PluginSwitches.switch_on(PluginSwitches.asking, "replay"),
            ),
            ui.button(
                t("Switch on and skip them"),
                size="s",
                on_click=PluginSwitches.switch_on(PluginSwitches.asking, "skip"),
            ),
            ui.plain(t("Leave it off"), size="s", on_click=PluginSwitches.stop),
        ),
    )


def plugins() -> rx.Component:
    """Each plugin: what it does, its state, and the switch."""
    rows = rx.cond(
        PluginSwitches.rows.length() > 0,
        rx.el.ul(rx.foreach(PluginSwitches.rows, _plugin), class_name="hl-list"),
        ui.empty(t("No plugins"), t("Installed plugins appear here at the next start."), icon_name="plug"),
    )
    return ui.frame(
        t("Plugins"),
        ui.when_ready(PluginSwitches.ready, ui.panel(rows)),
        zone=t("Switching one off loses nothing: what happens meanwhile is held for it."),
        current=PLUGINS,
    )


def _status(line: rx.Var[DeliveryLine]) -> rx.Component:
    return rx.fragment(
        rx.match(
            line.status,
            ("done", ui.chip(t("Done"), "ok", icon_name="check")),
            ("failed", ui.chip(t("Failed"), "bad", icon_name="circle-alert")),
            ("held", ui.chip(t("Held"), "warn", icon_name="power")),
            ("skipped", ui.chip(t("Skipped"), icon_name="minus")),
            ui.chip(t("Waiting"), icon_name="clock-3"),
        )
    )


def _retry(line: rx.Var[DeliveryLine]) -> rx.Component:
    return rx.cond(
        (line.status == "failed") | (line.status == "held"),
        ui.button(
            t("Try again"),
            size="s",
            on_click=Deliveries.retry(line.id),
            aria_label=t("Try again: {id}", id=line.id),
        ),
    )


def deliveries() -> rx.Component:
    """What plugins were told, what waits, what failed."""
    total = rx.Var.create(0)
    for status in STATUSES:
        total = total + Deliveries.counts[status]
    tabs = [ui.state_tab(t("All"), total.to(str), Deliveries.links["all"], current=Deliveries.status == "")]
    tabs += [
        ui.state_tab(
            ui.t_var(word),
            Deliveries.counts[status],
            Deliveries.links[status],
            current=Deliveries.status == status,
        )
        for status, word in STATUS_WORDS.items()
    ]
    columns = [
        ui.Column(t("Since"), lambda row: ui.time_text(row.created_at, "when")),
        ui.Column(t("Plugin"), lambda row: row.plugin),
        ui.Column(
            t("Hook"),
            lambda row: rx.fragment(row.hook, rx.cond(row.change != "", rx.fragment(" · ", row.change))),
            phone=False,
        ),
        ui.Column(t("State"), _status),
        ui.Column(t("Tries"), lambda row: row.attempts, number=True, phone=False),
        ui.Column(t("What went wrong"), lambda row: ui.quiet(row.error), phone=False),
        ui.Column(ui.sr_only(t("Action")), _retry),
    ]
    table = ui.data_table(
        columns,
        Deliveries.rows,
        caption=t("Deliveries"),
        tools=[ui.pick(t("Plugin"), Deliveries.plugin, Deliveries.plugins, Deliveries.choose_plugin)],
        foot=ui.pager(
            ui.rows_text(Deliveries.page * PAGE_SIZE + 1, Deliveries.last, Deliveries.total),
            on_prev=Deliveries.turn(-1),
            on_next=Deliveries.turn(1),
            first=Deliveries.page == 0,
            last=Deliveries.last >= Deliveries.total,
        ),
        nothing=ui.empty(
            t("No deliveries here"),
            t("One appears for each plugin when a lesson is planned, ends, or needs a person."),
            icon_name="inbox",
        ),
    )
    body = ui.stack(rx.el.nav(*tabs, class_name="hl-tabs", aria_label=t("Filter by state")), table, gap=3)
    return ui.frame(t("Deliveries"), ui.when_ready(Deliveries.ready, body), current=DELIVERIES)


def audit() -> rx.Component:
    """Who saw and changed what."""
    columns = [
        ui.Column(t("When"), lambda row: ui.time_text(row.at, "when")),
        ui.Column(t("Who"), lambda row: rx.cond(row.actor != "", row.actor, ui.quiet(t("the system")))),
        ui.Column(t("What"), lambda row: rx.el.code(row.action)),
        ui.Column(t("About"), lambda row: row.about),
        ui.Column(t("Number"), lambda row: ui.quiet(row.subject_id), phone=False),
    ]
    table = ui.data_table(
        columns,
        AuditLog.rows,
        caption=t("Audit log"),
        tools=[ui.search_box(AuditLog.find, AuditLog.search, label=t("Find a name or an action"))],
        foot=ui.pager(
            ui.rows_text(AuditLog.page * PAGE_SIZE + 1, AuditLog.last, AuditLog.total),
            on_prev=AuditLog.turn(-1),
            on_next=AuditLog.turn(1),
            first=AuditLog.page == 0,
            last=AuditLog.last >= AuditLog.total,
        ),
        nothing=ui.empty(
            t("Nothing found"), t("What people see and change appears here."), icon_name="scroll-text"
        ),
    )
    return ui.frame(t("Audit log"), ui.when_ready(AuditLog.ready, table), current=AUDIT)


ROLES = ("operator",)
PAGES = [
    PageSpec(
        HEALTH,
        operations,
        "Health",
        ROLES,
        nav=N_("Health"),
        icon="heart-pulse",
        order=1,
        on_load=[Operations.load],
    ),
    PageSpec(
        PLUGINS,
        plugins,
        "Plugins",
        ROLES,
        nav=N_("Plugins"),
        icon="plug",
        order=2,
        on_load=[PluginSwitches.load],
    ),
    PageSpec(
        DELIVERIES,
        deliveries,
        "Deliveries",
        ROLES,
        nav=N_("Deliveries"),
        icon="inbox",
        order=3,
        on_load=[Deliveries.load],
    ),
    PageSpec(
        AUDIT,
        audit,
        "Audit log",
        ROLES,
        nav=N_("Audit"),
        icon="scroll-text",
        order=4,
        on_load=[AuditLog.load],
    ),
]
