"""Every step of the pipeline, run the same way by people and workflows: `uv run nox -s NAME`."""

import os
import sys
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
PIPELINE = {"PYTHONPATH": "template"}  # where `ops` and `pipeline` stand here
SIDE_BY_SIDE = ("--numprocesses=auto", "--dist=worksteal")  # some take minutes, most a second
OSV_URL = os.environ.get("OSV_URL", "https://api.osv.dev")  # a mirror will do

nox.needs_version = ">=2026.10.20"
nox.options.allow_parallel = True
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["test", "lint", "typecheck"]  # the longest begins
if len(sys.argv) == 1:  # side by side for a bare `nox`; a named session shows its output live
    nox.options.parallel = os.cpu_count()
if "summary" not in " ".join(sys.argv[1:]).partition(" -- ")[0]:  # it reads what the last run left
    nox.options.report = "reports/nox.json"

Path("reports").mkdir(exist_ok=True)


def sync(session: nox.Session, *selection: str) -> None:
    """Install what uv.lock has for the selected groups into the session's environment."""
    if not Path("uv.lock").exists():
        session.run_install("uv", "lock")
        session.warn("There was no uv.lock, so it was written: commit it.")
    session.env["UV_PROJECT_ENVIRONMENT"] = session.virtualenv.location
    session.run_install("uv", "sync", "--locked", "--quiet", "--no-default-groups", *selection)
    session.env["UV_NO_SYNC"] = "1"  # `uv run` in a session takes this environment as it is


@nox.session(tags=["ci"], python=PYTHONS[-1])
def lint(session: nox.Session) -> None:
    """Prove style, formatting and hygiene, by the hooks that check every commit."""
    sync(session, "--only-group=lint")
    # Hooks check what git tracks. An index of its own holds every file that is not ignored, so
    # that a new file is checked before it is added, and a new project before `git init`.
    scratch = Path(session.create_tmp())
    session.env["GIT_INDEX_FILE"] = str(scratch / "index")
    session.env["PRE_COMMIT_HOME"] = str(scratch / "pre-commit")  # a home may be read-only
    if not any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
        session.env.update(GIT_DIR=str(scratch / "git"), GIT_WORK_TREE=str(Path.cwd()))
        session.run("git", "init", "--quiet", external=True)
    session.run("git", "add", "--all", ".", external=True)
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session(tags=["ci"], python=PYTHONS[-1])
def typecheck(session: nox.Session) -> None:
    """Prove the types of everything that is Python here, strictly."""
    sync(session, "--group=typecheck")
    session.run("mypy", "noxfile.py", "tasks.py", "bench", "tests", *session.posargs)
    # The plain files of the template, where they stand. The rest is typed as generated, in `test`.
    plain = ("template/noxfile.py", "template/tasks.py", "template/ops", "template/pipeline")
    session.run("mypy", *plain, *session.posargs)


def report_of(session: nox.Session) -> str:
    """Return pytest's option for a JUnit report, and make sure that an older one is gone."""
    report = Path("reports", f"junit-{session.name}.xml")
    report.unlink(missing_ok=True)
    return f"--junit-xml={report}"


@nox.session(tags=["ci"], python=PYTHONS[-1])
def test(session: nox.Session) -> None:
    """Prove what is generated, by generating it and running its own commands."""
    sync(session, "--group=test")
    junit = report_of(session)
    session.run("pytest", *SIDE_BY_SIDE, "-m", "not e2e and not fresh", junit, *session.posargs)


@nox.session(tags=["ci"], python=PYTHONS[-1])
def e2e(session: nox.Session) -> None:
    """Prove what needs a Docker engine; with `-- -m e2e`, what takes minutes more, too."""
    sync(session, "--group=test")
    junit = report_of(session)
    session.run("pytest", *SIDE_BY_SIDE, "-m", "e2e and not fresh", junit, *session.posargs)


@nox.session(python=PYTHONS[-1])
def fresh(session: nox.Session) -> None:
    """Prove what takes a night: every answer, with the newest and the oldest of everything."""
    sync(session, "--group=test")
    junit = report_of(session)
    session.run("pytest", *SIDE_BY_SIDE, "-m", "fresh and not e2e", junit, *session.posargs)


@nox.session(python=PYTHONS[-1])
def bench(session: nox.Session) -> None:
    """Measure, as ratios within one run: a table here, JSON in reports/bench.json."""
    sync(session, "--group=bench")
    session.run("python", "-m", "bench", *session.posargs, env=PIPELINE)


SCANNERS = {
    "reports/bandit.sarif": "bandit --quiet --recursive --configfile=pyproject.toml --ignore-nosec"
    " --exit-zero --format=sarif noxfile.py tasks.py bench template",
    "reports/uv.sarif": f"uv audit --quiet --locked --service-url={OSV_URL} --output-format=sarif",
    "reports/zizmor.sarif": "zizmor --quiet --offline --pedantic --no-exit-codes --format=sarif .",
    "reports/kingfisher.sarif": "kingfisher scan --quiet --no-update-check --no-validate --redact"
    " --no-ignore --exclude=./.nox --exclude=./.venv --exclude=./reports --format=sarif .",
    "reports/licenses.json": "cyclonedx-py environment --no-validate .nox/scan/bin/python",
}
FOUND = {"uv": 1, "kingfisher": 200}  # their status for "found", which cannot be turned off


@nox.session(tags=["ci"], python=PYTHONS[-1])
def scan(session: nox.Session) -> None:
    """Prove that no known weakness is in the source, lock, licences, workflows or history."""
    sync(session, "--group=scan")
    shallow = ("git", "rev-parse", "--is-shallow-repository")  # 128: not a repository
    answer = session.run(*shallow, external=True, silent=True, success_codes=[0, 128])
    if str(answer).strip() == "true":
        session.error("The history is cut off, so secrets may hide there: git fetch --unshallow")
    if str(answer).strip() != "false":
        session.error("There is no history to look for secrets in: git init, and commit")
    session.run("python", "-m", "pipeline.advisories", OSV_URL, env=PIPELINE)
    for report, command in SCANNERS.items():
        tool = command.split()[0]
        with Path(report).open("w") as file:
            codes = [0, FOUND.get(tool, 0)]
            session.run(*command.split(), stdout=file, stderr=sys.stderr, success_codes=codes)
    session.run("python", "-m", "pipeline.verdict", *SCANNERS, env=PIPELINE)


@nox.session(tags=["ci"], python=PYTHONS[-1])
def commits(session: nox.Session) -> None:
    """Prove that every commit of a pull request, and its title, can be released from."""
    sync(session, "--only-group=commits")
    session.run("python", "-m", "pipeline.commits", *session.posargs, env=PIPELINE)


@nox.session(python=PYTHONS[-1])
def release(session: nox.Session) -> None:
    """Tell the next version, its changelog and tags; with `-- --publish`, make it so."""
    sync(session, "--only-group=release")
    session.run("python", "-m", "pipeline.release", *session.posargs, env=PIPELINE)


@nox.session
def summary(session: nox.Session) -> None:
    """Tell the last run in one table: sessions, durations, tests, coverage."""
    sync(session, "--only-group=summary")
    session.run("python", "-m", "pipeline.summary", env=PIPELINE)
