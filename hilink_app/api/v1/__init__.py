"""What programs of a platform use, with a token: people, hours, lessons, series, requests, plans, substitutes."""

from hilink_app.api.v1 import (
    availability,
    changes,
    courses,
    holidays,
    links,
    people,
    plans,
    requests,
    series,
    sessions,
    substitutions,
)

ROUTERS = tuple(
    one.router
    for one in (
        people, availability, holidays, courses, sessions, links, series, requests, changes, plans, substitutions,
    )
)  # fmt: skip
