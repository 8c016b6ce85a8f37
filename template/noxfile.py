"""Every step of the pipeline, run the same way by people and workflows: `uv run nox -s NAME`."""

import os
import secrets
import sys
import zlib
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
FOLDER = f"{zlib.crc32(str(Path.cwd()).encode()):08x}"  # two clones may share an engine
OSV_URL = os.environ.get("OSV_URL", "https://api.osv.dev")  # a mirror will do

nox.needs_version = ">=2026.10.20"
nox.options.allow_parallel = True
nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"
nox.options.sessions = [f"test-{PYTHONS[-1]}", "lint", "typecheck"]  # the longest begins
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
    session.run("mypy", *session.posargs)


def report_of(session: nox.Session) -> str:
    """Return pytest's option for a JUnit report, and make sure that an older one is gone."""
    report = Path("reports", f"junit-{session.name}.xml")
    report.unlink(missing_ok=True)
    return f"--junit-xml={report}"


@nox.session(tags=["ci"], python=PYTHONS)
def test(session: nox.Session) -> None:
    """Prove the behaviour on each supported Python, with at least 80 % of the code covered."""
    sync(session, "--group=test")
    junit = report_of(session)
    Path(f"reports/coverage-{session.name}.json").unlink(missing_ok=True)  # not this run's
    if session.posargs:  # a part of the tests covers a part of the code
        session.run("pytest", *session.posargs)
        return
    session.run(
        "pytest",
        "--cov",
        "--cov-report=term",
        f"--cov-report=html:reports/coverage-{session.name}",
        f"--cov-report=json:reports/coverage-{session.name}.json",
        f"--cov-report=xml:reports/coverage-{session.name}.xml",
        junit,
        env={"COVERAGE_FILE": f"{session.virtualenv.location}/coverage"},
    )


if Path("migrations").is_dir():  # not every service keeps its data in PostgreSQL

    @nox.session(tags=["ci"], python=PYTHONS[-1])
    def migrations(session: nox.Session) -> None:
        """Prove each migration: up, down and up again on rows; and what it locks and breaks."""
        sync(session, "--group=migrations")
        session.run("python", "-m", "pipeline.migrations", *session.posargs)


@nox.session(tags=["ci"], python=PYTHONS[-1])
def docker(session: nox.Session) -> None:
    """Prove the image: linted, built, started, measured, listed, scanned."""
    sync(session, "--group=docker")
    image = f"{PROJECT['project']['name']}:{FOLDER}"
    session.run("docker", "version", "--format=Docker engine {{.Server.Version}}", external=True)
    for files in ([], ["--file=compose.yaml"], ["--file=pipeline/compose.yaml"]):
        session.run("docker", "compose", *files, "--profile=*", "config", "--quiet", external=True)
    lint = ("hadolint", "--config=pipeline/hadolint.yaml", "--disable-ignore-pragma", "--no-fail")
    with Path("reports/hadolint.sarif").open("w") as report:
        session.run(*lint, "--format=sarif", "Dockerfile", stdout=report)
    session.run("python", "-m", "pipeline.image", image)
    options = ("--tb=short", report_of(session))  # a long one would show the image's settings
    session.run("pytest", "tests/image", *options, *session.posargs, env={"IMAGE": image})
    archive = str(Path(session.create_tmp()) / "image.tar")
    session.run("docker", "save", f"--output={archive}", image, external=True)
    outputs = ("-o=spdx-json=reports/sbom.spdx.json", "-o=cyclonedx-json=reports/sbom.cdx.json")
    session.env["SYFT_CHECK_FOR_APP_UPDATE"] = "false"
    session.run("syft", "scan", f"docker-archive:{archive}", *outputs)
    session.run("python", "-m", "pipeline.trivy", archive)
    session.run("python", "-m", "pipeline.verdict", "reports/hadolint.sarif", "reports/trivy.sarif")


@nox.session(tags=["ci"], python=PYTHONS[-1])
def integration(session: nox.Session) -> None:
    """Prove the composed system from outside: up, waited for, tested, always taken down."""
    sync(session, "--group=test")
    name = f"{PROJECT['project']['name']}-{FOLDER}-integration"  # not what `inv up` started
    compose = ("docker", "compose", "--file=compose.yaml", f"--project-name={name}")
    session.run("docker", "version", "--format=Docker engine {{.Server.Version}}", external=True)
    session.env.update(IMAGE="", PUBLISH="127.0.0.1:")  # what is built here, at any free port
    session.env["APP_TOKENS"] = secrets.token_hex()  # where callers need one
    log = Path("reports/compose.log")
    log.unlink(missing_ok=True)
    try:
        session.run(*compose, "up", "--build", "--wait", "--wait-timeout=120", external=True)
        address = session.run(*compose, "port", "app", "8000", external=True, silent=True)
        where = {"SERVICE": f"http://{str(address).strip()}"}
        session.run("pytest", "tests/integration", report_of(session), *session.posargs, env=where)
    except nox.command.CommandFailed:
        with log.open("w") as file:
            said = (*compose, "logs", "--no-color")  # whatever its status: the failure is raised
            session.run(*said, stdout=file, external=True, success_codes=range(256))
        session.warn(f"What the containers said is in {log}.")
        raise
    finally:
        session.run(*compose, "down", "--volumes", "--timeout=5", external=True)


OURS = " ".join(folder for folder in ("ops", "pipeline", "src") if Path(folder).is_dir())
SCANNERS = {
    "reports/bandit.sarif": "bandit --quiet --recursive --configfile=pyproject.toml --ignore-nosec"
    f" --exit-zero --format=sarif {OURS}",
    "reports/uv.sarif": f"uv audit --quiet --locked --service-url={OSV_URL} --output-format=sarif",
    "reports/zizmor.sarif": "zizmor --quiet --offline --pedantic --no-exit-codes --format=sarif .",
    "reports/kingfisher.sarif": "kingfisher scan --quiet --no-update-check --no-validate --redact"
    " --no-ignore --exclude=./.nox --exclude=./.venv --exclude=./reports --format=sarif .",
    "reports/licenses.json": "cyclonedx-py environment --no-validate"
    " .nox/scan/tmp/runtime/bin/python",
}
FOUND = {"uv": 1, "kingfisher": 200}  # their status for "found", which cannot be turned off


@nox.session(tags=["ci"], python=PYTHONS[-1])
def scan(session: nox.Session) -> None:
    """Prove that no known weakness is in the source, lock, licences, workflows or history."""
    sync(session, "--group=scan")
    session.run_install(  # what ships, and only that
        *("uv", "sync", "--locked", "--quiet", "--no-default-groups", "--no-install-project"),
        env={"UV_PROJECT_ENVIRONMENT": f"{session.create_tmp()}/runtime", "UV_NO_SYNC": "0"},
    )
    shallow = ("git", "rev-parse", "--is-shallow-repository")  # 128: not a repository
    answer = session.run(*shallow, external=True, silent=True, success_codes=[0, 128])
    if str(answer).strip() == "true":
        session.error("The history is cut off, so secrets may hide there: git fetch --unshallow")
    if str(answer).strip() != "false":
        session.error("There is no history to look for secrets in: git init, and commit")
    session.run("python", "-m", "pipeline.advisories", OSV_URL)
    for report, command in SCANNERS.items():
        tool = command.split()[0]
        with Path(report).open("w") as file:
            codes = [0, FOUND.get(tool, 0)]
            session.run(*command.split(), stdout=file, stderr=sys.stderr, success_codes=codes)
    session.run("python", "-m", "pipeline.verdict", *SCANNERS)


@nox.session(tags=["ci"], python=PYTHONS[-1])
def commits(session: nox.Session) -> None:
    """Prove that every commit of a pull request, and its title, can be released from."""
    sync(session, "--only-group=commits")
    session.run("python", "-m", "pipeline.commits", *session.posargs)


@nox.session(python=PYTHONS[-1])
def release(session: nox.Session) -> None:
    """Tell the next version, its changelog and tags; with `-- --publish`, make it so."""
    sync(session, "--only-group=release")
    session.run("python", "-m", "pipeline.release", *session.posargs)


@nox.session(python=PYTHONS[-1])
def publish(session: nox.Session) -> None:
    """Push the image for every platform: by digest, tried, listed, signed, and only then tagged."""
    sync(session, "--group=publish")
    session.run("python", "-m", "pipeline.publish", *session.posargs)


if Path("ops").is_dir():  # not every project deploys what it publishes
    # One who is interrupted goes back, which takes longer than the moment that nox gives.

    @nox.session(python=PYTHONS[-1])
    def deploy(session: nox.Session) -> None:
        """Deploy a release: `-- staging --version 1.2.3`; see `uv run inv --help deploy`."""
        sync(session, "--group=deploy")
        session.run("inv", "deploy", *session.posargs, interrupt_timeout=None)

    @nox.session(python=PYTHONS[-1])
    def rollback(session: nox.Session) -> None:
        """Serve an earlier release again: `-- staging`; see `uv run inv --help rollback`."""
        sync(session, "--group=deploy")
        session.run("inv", "rollback", *session.posargs, interrupt_timeout=None)

    @nox.session(python=PYTHONS[-1])
    def promote(session: nox.Session) -> None:
        """Let a release that is held go on: `-- staging`; see `uv run inv --help promote`."""
        sync(session, "--group=deploy")
        session.run("inv", "promote", *session.posargs, interrupt_timeout=None)

    @nox.session(python=PYTHONS[-1])
    def abort(session: nox.Session) -> None:
        """Take back a deployment that is under way or held: `-- staging`."""
        sync(session, "--group=deploy")
        session.run("inv", "abort", *session.posargs, interrupt_timeout=None)

    @nox.session(python=PYTHONS[-1])
    def dispatch(session: nox.Session) -> None:
        """Start deploy.yml for each environment that takes what was published: `-- --refs REFS`."""
        sync(session, "--group=deploy")
        session.run("inv", "dispatch", *session.posargs)


@nox.session(name="template-update", python=PYTHONS[-1])
def template_update(session: nox.Session) -> None:
    """Take in what is new in the template: merged, and locked anew; `-- --check` only tells."""
    sync(session, "--only-group=template")
    session.run("python", "-m", "pipeline.template", *session.posargs)


@nox.session(name="template-propose", python=PYTHONS[-1])
def template_propose(session: nox.Session) -> None:
    """Open the pull request of an update, or renew it: `-- FOLDER`, which template-update wrote."""
    sync(session, "--only-group=release")
    session.run("python", "-m", "pipeline.template.propose", *session.posargs)


@nox.session
def summary(session: nox.Session) -> None:
    """Tell the last run in one table: sessions, durations, tests, coverage."""
    sync(session, "--only-group=summary")
    session.run("python", "-m", "pipeline.summary")
