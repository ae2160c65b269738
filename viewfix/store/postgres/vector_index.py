"""The HNSW index over the descriptors of a map in PostgreSQL: when it is built, and how a query uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connect import Connection

INDEX = "descriptors_by_likeness"
SIGNS = "descriptor_signs"
NEW_INDEX, NEW_SIGNS = "migrating_by_likeness", "migrating_signs"  # of the table `migrating`
INDEX_FROM = 20_000  # photos: comparing a query with all of them takes the server about 10 ms
MOST_DIM = 4_000  # the limit of pgvector's HNSW for halfvec: longer descriptors are indexed by their signs
BUILD_MEMORY = "1GB"  # of the server, at most, for building an index; with less, pgvector works on disk, slowly
_SAMPLE = 20_000  # descriptors whose mean is the zero of the signs


def by_distance(dim: int) -> str:
    """The SQL that orders descriptors by similarity to the parameter %(query)s, most similar first."""
    return f"vector <#> %(query)s::halfvec({dim})"


def by_signs(dim: int) -> str:
    """As `by_distance`, but by signs, for descriptors that are too long for HNSW."""
    return f"({SIGNS}(vector)::bit({dim})) <~> ({SIGNS}(%(query)s::halfvec({dim}))::bit({dim}))"


def state(connection: Connection, schema: str, dim: int) -> str:
    """ "ready", "none", or "unusable": left by a build that was killed, or by a viewfix before 0.1.0.

    The latter measured signs from zero, so all photos of a model without negative numbers had the same signs.
    """
    query = "SELECT indisvalid, to_regprocedure(%s) FROM pg_index WHERE indexrelid = to_regclass(%s)"
    found = connection.execute(query, (f'"{schema}".{SIGNS}(halfvec)', f'"{schema}".{INDEX}')).fetchone()
    if found is None:
        return "none"
    return "ready" if found[0] and (dim <= MOST_DIM or found[1] is not None) else "unusable"


def build(connection: Connection, dim: int) -> None:
    """Build the index while others read and write. Call it outside of a transaction."""
    _build(connection, "descriptors", dim, (f"CONCURRENTLY {INDEX}", SIGNS))
    connection.execute("ANALYZE descriptors, photos")


def build_new(connection: Connection, dim: int) -> None:
    """Build the index of the new descriptors of a migration, unless an earlier run has built it."""
    found = connection.execute("SELECT to_regclass(%s)", (NEW_INDEX,)).fetchone()
    if found is None or found[0] is None:  # the function of an index that exists must not change
        _build(connection, "migrating", dim, (NEW_INDEX, NEW_SIGNS))


def switch(connection: Connection) -> None:
    """Put the new index in the place of the old one, after the old descriptors were deleted."""
    connection.execute(f"ALTER INDEX IF EXISTS {NEW_INDEX} RENAME TO {INDEX}")
    connection.execute(f"DROP FUNCTION IF EXISTS {SIGNS}(halfvec)")
    found = connection.execute("SELECT to_regprocedure(%s)", (f"{NEW_SIGNS}(halfvec)",)).fetchone()
    if found is not None and found[0] is not None:
        connection.execute(f"ALTER FUNCTION {NEW_SIGNS}(halfvec) RENAME TO {SIGNS}")


def _build(connection: Connection, table: str, dim: int, names: tuple[str, str]) -> None:
    index, signs = names
    over = "vector halfvec_ip_ops"
    if dim > MOST_DIM:
        _create_signs(connection, table, dim, signs)
        over = f"({signs}(vector)::bit({dim})) bit_hamming_ops"
    connection.execute(f"SET maintenance_work_mem = '{BUILD_MEMORY}'")
    connection.execute(f"CREATE INDEX {index} ON {table} USING hnsw ({over})")
    connection.execute("RESET maintenance_work_mem")


def _create_signs(connection: Connection, table: str, dim: int, name: str) -> None:
    """Define the function that returns the signs of a descriptor, measured from the mean of all descriptors.

    It is a function because a mean of thousands of numbers does not fit into the definition of an index. The planner
    inlines it, in the index and in queries alike.
    """
    counted = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    step = max(1, counted[0] // _SAMPLE) if counted else 1
    query = f"SELECT avg(vector)::halfvec({dim})::text FROM {table} WHERE row % {step} = "
    query += f"(SELECT max(row) % {step} FROM {table})"  # the sample has at least one row
    found = connection.execute(query).fetchone()
    mean = found[0] if found and found[0] else "[" + ",".join(["0"] * dim) + "]"
    connection.execute(
        f"CREATE OR REPLACE FUNCTION {name}(halfvec) RETURNS bit LANGUAGE sql IMMUTABLE PARALLEL SAFE "
        f"RETURN binary_quantize($1 - '{mean}'::halfvec({dim}))"
    )
