"""The plugin's table. It has no unique key on purpose: a note written twice would be seen."""

from sqlmodel import Field

from core.domain.base import Table


class HelloNote(Table, table=True):
    """what: scheduled | moved | reassigned | cancelled | ended."""

    __tablename__ = "hello_note"
    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(index=True)
    what: str
    people: int
