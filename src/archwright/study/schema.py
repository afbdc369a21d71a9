"""Tables of a study store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = ["VERSION", "arrays", "marks", "metadata", "proposals", "studies", "trials", "version"]

#: Raised when a table changes; a store of a newer version is refused.
VERSION = 1

metadata = MetaData()

version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
)


def _study() -> Column[int]:
    return Column("study", Integer, ForeignKey("studies.id"), primary_key=True, autoincrement=False)


#: `ask` counts the searcher's answers: the rows of one are written in one transaction.
proposals = Table(
    "proposals",
    metadata,
    _study(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("ask", BigInteger, nullable=False),
    Column("arch", Text, nullable=False),
    Column("fidelity", BigInteger),
    Column("note", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: `position` is the completion order. The texts are JSON; NULL where there is nothing to say.
trials = Table(
    "trials",
    metadata,
    _study(),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("score", Double),
    Column("cost_s", Double, nullable=False),
    Column("finished_s", Double, nullable=False),
    Column("curve", Text),
    Column("measures", Text),
    Column("hidden", Text),
    Column("error", Text),
    sqlite_with_rowid=False,
)

arrays = Table(
    "arrays",
    metadata,
    _study(),
    Column("key", String(255), primary_key=True),
    Column("npy", LargeBinary, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    _study(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at_s", Double, nullable=False),
    Column("data", Text, nullable=False),
)
