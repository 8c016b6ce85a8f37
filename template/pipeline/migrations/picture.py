"""What is in a database: its schema and its rows, to be compared with what was there before."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from pipeline.shell import FailedError

ALEMBICS = "alembic_version"  # its own table
# What is named and can be defined, as (name, definition), in PostgreSQL's own words.
SCHEMA = """
WITH mine AS (
    SELECT oid FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
)
SELECT c.oid::regclass || '.' || a.attname, concat_ws(
    ' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
    CASE WHEN a.attgenerated <> '' THEN 'GENERATED' ELSE 'DEFAULT' END
        || ' ' || pg_get_expr(d.adbin, d.adrelid),
    'IDENTITY ' || nullif(a.attidentity::text, ''),
    'COLLATE ' || (SELECT collname FROM pg_collation o
                   WHERE o.oid = a.attcollation AND collname <> 'default')
)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace IN (TABLE mine) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT 'constraint ' || conname || ' of ' || conrelid::regclass, pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace IN (TABLE mine) AND contype <> 'n' AND conrelid <> 0 -- that is attnotnull
UNION ALL
SELECT 'index ' || indexrelid::regclass,
    pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
FROM pg_index JOIN pg_class c ON c.oid = indexrelid AND c.relnamespace IN (TABLE mine)
UNION ALL
SELECT 'view ' || oid::regclass, pg_get_viewdef(oid)
FROM pg_class WHERE relnamespace IN (TABLE mine) AND relkind IN ('v', 'm')
UNION ALL
SELECT 'trigger ' || tgname || ' of ' || tgrelid::regclass, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function ' || oid::regprocedure, pg_get_functiondef(oid)
FROM pg_proc WHERE pronamespace IN (TABLE mine) AND prokind IN ('f', 'p')
UNION ALL
SELECT 'policy ' || polname || ' of ' || polrelid::regclass, concat_ws(
    ' ', polcmd, polpermissive, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
)
FROM pg_policy
UNION ALL
SELECT 'sequence ' || seqrelid::regclass,
    format('%s %s %s %s %s %s', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle)
FROM pg_sequence
UNION ALL
SELECT 'type ' || enumtypid::regtype, string_agg(enumlabel, ', ' ORDER BY enumsortorder)
FROM pg_enum GROUP BY enumtypid
UNION ALL
SELECT 'extension ' || extname, extversion FROM pg_extension
"""
TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace IN (
    SELECT oid FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
)
"""
ROWS = "SELECT to_jsonb(t)::text FROM {} t"  # in PostgreSQL's words, for Python has no BC

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is in a database; alembic's own table is left out."""

    schema: Mapping[str, str]
    """Columns, constraints, indexes and so on: name and definition."""
    rows: Mapping[str, list[Row]]
    """Each table's rows."""


def take(url: str) -> Picture:
    """Return what is in the database."""
    return asyncio.run(_take(url))


def execute(url: str, script: str) -> None:
    """Execute statements of SQL.

    Raises:
        FailedError: the server refuses one; the message is its word.
    """
    asyncio.run(_execute(url, script))


def changed(before: Picture, after: Picture) -> list[str]:
    """Say how the schema differs, a sentence for each name."""
    return [
        f"{name} was {before.schema.get(name) or 'not there'},"
        f" and is {after.schema.get(name) or 'not there'}"
        for name in sorted(before.schema.keys() | after.schema.keys())
        if before.schema.get(name) != after.schema.get(name)
    ]


def lost(before: Picture, after: Picture, ignored: Picture | None = None) -> list[str]:
    """Say which rows are not as before, in the tables and columns that both have.

    Args:
        before: with the rows that should still be there.
        after: what is there.
        ignored: rows of `before` that need not be there; others may then have come, too.
    """
    return [said for table in before.rows for said in _lost(table, before, after, ignored)]


def _lost(table: str, before: Picture, after: Picture, ignored: Picture | None) -> Iterator[str]:
    rows, now = before.rows[table], after.rows.get(table)
    if ignored:
        rows = [row for row in rows if row not in ignored.rows.get(table, ())]
    if now is None:
        return
    columns = [name for name in (*rows, *now, {})[0] if f"{table}.{name}" in after.schema]
    were, are = (Counter(_text(row, *columns) for row in each) for each in (rows, now))
    gone, come = (were - are).total(), (are - were).total()
    if gone and gone == come:
        other = [
            column
            for column in columns
            if Counter(_text(row, column) for row in rows)
            != Counter(_text(row, column) for row in now)
        ]
        yield f"{table} has another {' and '.join(other) or 'mix'} in {gone} of {len(rows)} rows"
    elif gone:
        yield f"{table} has lost {gone} of {len(rows)} rows"
    elif come and not ignored:
        yield f"{table} has {come} rows more"


def _text(row: Row, *columns: str) -> str:
    return json.dumps([row.get(column) for column in columns])


async def _take(url: str) -> Picture:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        schema = {
            name: definition
            for name, definition in await connection.fetch(SCHEMA)
            if ALEMBICS not in name
        }
        tables = [name for (name,) in await connection.fetch(TABLES) if name != ALEMBICS]
        rows = {
            table: [json.loads(row) for (row,) in await connection.fetch(ROWS.format(table))]
            for table in tables
        }
    finally:
        await connection.close()
    return Picture(schema, rows)


async def _execute(url: str, script: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(script)
    except asyncpg.PostgresError as error:
        raise FailedError(str(error)) from None
    finally:
        await connection.close()
