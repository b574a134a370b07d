"""What the sign-in pages show: why the last try did not work, and where to go afterwards."""

import reflex as rx

from core import services
from hilink_app.state.base import BaseState
from hilink_app.state.guard import PUBLIC, allow, current_viewer


class SignIn(BaseState):
    """problem: an error's code or sentence from the address; sent: a link was mailed; token: of a mailed link."""

    problem: str = ""
    sent: bool = False
    used: bool = False
    then: str = ""
    token: str = ""
    demo: bool = False
    organisation: str = ""

    @rx.event
    @allow(PUBLIC)
    def read_address(self) -> rx.event.EventSpec | None:
        """The address says what happened; a signed-in reader goes on to where they wanted."""
        query = self.router.url.query_parameters
        self.problem = str(query.get("problem", ""))[:200]
        self.sent = query.get("sent") == "1"
        self.used = query.get("link") == "used"
        then = str(query.get("then", "/"))
        self.then = then if then.startswith("/") and not then.startswith("//") else "/"
        self.token = str(query.get("token", ""))[:200]
        settings = services.current().settings
        self.demo, self.organisation = settings.demo, settings.organisation
        if current_viewer() is not None and not self.problem and not self.token:
            return rx.redirect(self.then)
        return None
