"""Which page a role starts on."""

import reflex as rx

from hilink_app.state.base import BaseState
from hilink_app.state.guard import SIGNED_IN, allow
from hilink_app.state.reader import Reader

START = {
    "coordinator": "/today",
    "instructor": "/teach",
    "guardian": "/family",
    "student": "/learn",
    "operator": "/operations",
}


class Home(BaseState):
    @rx.event
    @allow(SIGNED_IN)
    async def go(self) -> rx.event.EventSpec:
        """To the start page of the role whose pages are shown."""
        reader = await self.get_state(Reader)
        return rx.redirect(START.get(reader.role, "/profile"))
