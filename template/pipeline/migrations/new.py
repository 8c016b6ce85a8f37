"""Write the next revision: what the models have, and the migrations have not."""

import os
from pathlib import Path

from alembic import command
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext

from pipeline.migrations.revisions import history, settings
from pipeline.postgres import Server
from pipeline.shell import FailedError, read


def write(server: Server, message: str) -> Path:
    """Write the next revision, formatted, and return its file.

    Raises:
        FailedError: there is nothing to write, or the migrations cannot be applied.
    """
    known = {revision.path for revision in history()}
    with server.database() as name:
        os.environ["APP_DATABASE_URL"] = server.named(name)
        try:
            command.upgrade(settings(), "head")
            command.revision(
                settings(), message, autogenerate=True, process_revision_directives=_unless_empty
            )
        except Exception as error:  # whatever a revision raises  # noqa: BLE001
            raise FailedError(str(error)) from None
    written = [revision.path for revision in history() if revision.path not in known]
    if not written:
        raise FailedError("models and migrations agree: there is nothing to write")
    read("ruff", "check", "--quiet", "--fix", "--exit-zero", str(written[0]))
    read("ruff", "format", "--quiet", str(written[0]))
    return written[0]


def _unless_empty(
    _context: MigrationContext, _revision: object, directives: list[MigrationScript]
) -> None:
    operations = directives[0].upgrade_ops
    if operations is None or operations.is_empty():
        directives.clear()
