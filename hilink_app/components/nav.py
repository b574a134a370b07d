"""What stands in the rail: at most six entries a role, each with an icon and a word.

Bootstrap registers the entries of all pages (core's and the plugins') before it builds them.
"""

from dataclasses import dataclass

MOST = 6
ROLES = ("student", "instructor", "coordinator", "guardian", "operator")
SIGN_IN = "/sign-in"
SIGN_OUT = "/auth/sign-out"
HELP = "/help"
PROFILE = "/profile"


@dataclass(frozen=True)
class NavEntry:
    """``label`` is an English sentence marked with ``N_``; ``place`` orders entries from the top."""

    route: str
    label: str
    icon: str
    roles: tuple[str, ...]
    place: int = 100


_entries: list[NavEntry] = []


def register_nav(*entries: NavEntry) -> None:
    """Add entries; the same route and roles again replaces the entry."""
    for entry in entries:
        _entries[:] = [old for old in _entries if (old.route, old.roles) != (entry.route, entry.roles)]
        _entries.append(entry)


def nav_for(role: str) -> list[NavEntry]:
    """Entries of a role from the top. Raises ValueError past six: move a page behind another one."""
    mine = sorted((entry for entry in _entries if role in entry.roles), key=lambda entry: entry.place)
    if len(mine) > MOST:
        raise ValueError(
            f"{role} has {len(mine)} rail entries, at most {MOST} fit: {[one.route for one in mine]}"
        )
    return mine
