"""What programs of a platform use, with a token: people, courses, availability, lessons, series, plans, substitutes."""

from hilink_app.api.v1 import availability, courses, people, plans, series, sessions, substitutions

ROUTERS = tuple(one.router for one in (people, availability, courses, sessions, series, plans, substitutions))
