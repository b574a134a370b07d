"""Work that waits, by who caused it: one piece of each in turn, so that nobody's flood is in the others' way."""

from collections import deque
from collections.abc import Callable

MOST_EACH = 64
"""Pieces of one connection: browsers send a hundred reports a second at most, and each waits milliseconds."""

Work = Callable[[], object]


class Turns:
    """A queue for each, which exists while something waits in it."""

    def __init__(self) -> None:
        self._waiting: dict[object, deque[Work]] = {}
        """Whose turn is next comes first."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, who: object, work: Work) -> bool:
        """False when too much of this one waits already."""
        queue = self._waiting.get(who)
        if queue is None:
            self._waiting[who] = deque((work,))
        elif len(queue) >= MOST_EACH:
            return False
        else:
            queue.append(work)
        return True

    def take(self) -> Work:
        """The next piece of whoever's turn it is. IndexError when nothing waits."""
        if not self._waiting:
            raise IndexError("nothing waits")
        who = next(iter(self._waiting))
        queue = self._waiting.pop(who)
        work = queue.popleft()
        if queue:
            self._waiting[who] = queue
        return work
