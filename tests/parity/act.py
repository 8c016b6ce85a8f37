"""GitHub's runner at a desk: `act` runs a workflow as it stands, on this machine.

Checking out is built into act, unless a ref is named. The other actions come from the code host,
which no test machine can count on; the folder `actions` holds what stands for them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parity.houses import tool
from tests.parity.pins import PINS
from tests.project import Project

STAND_INS = Path(__file__).parent / "actions"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Job:
    """One job of a run; of a matrix, one leg."""

    steps: dict[str, str]
    """Each step that ran, by its name: success or failure."""
    out: str
    """What its commands printed, without colours."""
    summary: str
    """The Markdown that it left for the page of the run."""

    @property
    def passed(self) -> bool:
        """Whether it ran, and each step of it succeeded."""
        return set(self.steps.values()) == {"success"}


@dataclass(frozen=True)
class Run:
    """A workflow that ended."""

    status: int
    records: list[dict[str, Any]]
    """What act said, a line each."""

    @property
    def out(self) -> str:
        """What act said, as a person would read it: for a test that fails."""
        return "\n".join(
            f"{name_of(record)}: {ESCAPES.sub('', record['msg']).rstrip()}"
            for record in self.records
            if not record["msg"].startswith("LocalRepositoryCache")
        )

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs that ran, by their id; the legs of a matrix by their session."""
        return {name: self.job(name) for name in dict.fromkeys(map(name_of, self.records)) if name}

    def job(self, name: str) -> Job:
        """Return a job that ran."""
        records = [record for record in self.records if name_of(record) == name]
        assert records, f"no job {name} ran\n{self.out}"
        return Job(
            steps={
                record["step"]: record["stepResult"]
                for record in records
                if record.get("stage") == "Main" and "stepResult" in record
            },
            out=ESCAPES.sub("", "".join(r["msg"] for r in records if r.get("raw_output"))),
            summary="".join(r["content"] for r in records if r.get("command") == "summary"),
        )


def name_of(record: dict[str, Any]) -> str:
    """Return the job that a line of act's log belongs to; empty for none."""
    return str((record.get("matrix") or {}).get("session") or record.get("jobID", ""))


@dataclass(frozen=True)
class Act:
    """A runner, and what the code host keeps of its runs."""

    folder: Path

    @property
    def host(self) -> Path:
        """What the code host holds: the folders `artifacts` and `findings`, the file `codeql`."""
        return self.folder / "host"

    def run(
        self, project: Project, event: str, workflow: str, *options: str, **variables: str
    ) -> Run:
        """Run a workflow of a project, as it stands there, as this event would."""
        self.host.mkdir(parents=True, exist_ok=True)
        done = project.run(
            *(tool("act"), event, "--workflows", workflow, "--json"),
            *("--platform", "ubuntu-24.04=-self-hosted"),
            *("--action-cache-path", self.folder / "work", "--no-cache-server"),
            *(f"--local-repository={pair}" for pair in stand_ins()),
            *options,
            CODE_HOST=str(self.host),
            ORIGIN=origin(project),
            UV_CACHE_DIR=project.must("uv", "cache", "dir").strip(),
            XDG_CACHE_HOME=str(self.folder / "cache"),
            **variables,
        )
        return Run(done.status, [record(line) for line in done.out.splitlines()])


def origin(project: Project) -> str:
    """Return what a runner would check out from: the project's remote, be it that there is none."""
    remote = project.run("git", "remote", "get-url", "origin")
    return str(project.path) if remote.status else remote.out.strip()


def stand_ins() -> Iterator[str]:
    """Yield OWNER/NAME@COMMIT=FOLDER for each action that something stands for."""
    for folder in sorted(STAND_INS.glob("*/*")):
        name = folder.relative_to(STAND_INS).as_posix()
        yield f"{name}@{PINS[name][0]}={folder}"


def record(line: str) -> dict[str, Any]:
    """Return a line of act's log; a last word that is no record becomes one."""
    return dict(json.loads(line)) if line.startswith("{") else {"msg": line}
