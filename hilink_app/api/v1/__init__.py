"""What programs of a platform use, with a token: people, courses, availability, lessons, series, substitutes."""

from hilink_app.api.v1 import (
    availability,
    changes,
    courses,
    people,
    requests,
    series,
    sessions,
    substitutions,
)

ROUTERS = tuple(
    one.router for one in (people, availability, courses, sessions, series, requests, changes, substitutions)
)
