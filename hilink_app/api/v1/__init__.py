"""What programs of a platform use: people, courses, availability and lessons, with a token (docs/rest.md)."""

from hilink_app.api.v1 import availability, courses, people, sessions

ROUTERS = (people.router, availability.router, courses.router, sessions.router)
