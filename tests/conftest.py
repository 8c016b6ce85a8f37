"""What every story here begins with: a template, and projects made from it."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from copier import run_copy

from tests.images.containers import docker, forget
from tests.images.publisher import BOTH, ONE, Key, Publisher
from tests.needed import need, need_program
from tests.osv import Advisories
from tests.project import Project
from tests.registry import Gate, find_registry
from tests.trivy import KNOWN, Vulnerability, write_database

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _types_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let mypy keep what it knows of packages: by their content, wherever a project has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree as somebody would have cloned it: committed, and nothing that is ignored."""
    clone = Project(tmp_path_factory.mktemp("template"))
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (clone.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone.path / name)
    clone.must("git", "init", "--quiet", "--initial-branch=main")
    clone.commit("feat: template")
    return clone.path


Render = Callable[..., Path]


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function from answers to the folder they generate, made once; not to be changed."""
    rendered: dict[tuple[tuple[str, str], ...], Path] = {}

    def render_once(**answers: str) -> Path:
        key = tuple(sorted(answers.items()))
        if key not in rendered:
            folder = tmp_path_factory.mktemp("rendered") / "project"
            run_copy(str(template), folder, answers, defaults=True, quiet=True, vcs_ref="HEAD")
            rendered[key] = folder
        return rendered[key]

    return render_once


MakeProject = Callable[..., Project]


@pytest.fixture(scope="session")
def begun(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function as `render` is one; what it returns is in git, locked, committed."""
    projects: dict[Path, Project] = {}

    def begin_once(**answers: str) -> Path:
        generated = render(**answers)
        if generated not in projects:
            projects[generated] = Project(tmp_path_factory.mktemp("begun") / "project")
            projects[generated].begin(generated)
        return projects[generated].path

    return begin_once


@pytest.fixture
def make_project(begun: Render, tmp_path: Path) -> MakeProject:
    """Return a function from answers to a project of one's own: in git, locked, committed."""

    def make(folder: str = "project", **answers: str) -> Project:
        return Project(shutil.copytree(begun(**answers), tmp_path / folder))

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """The project of somebody who pressed Enter all the way."""
    return make_project()


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    """Return a source of advisories that knows what tests add to it."""
    with Advisories() as source:
        yield source


MakeDatabase = Callable[..., Path]


@pytest.fixture
def make_database(tmp_path: Path) -> MakeDatabase:
    """Return a function from vulnerabilities to a folder for TRIVY_CACHE_DIR that knows them."""

    def make(*vulnerabilities: Vulnerability, known: Iterable[Vulnerability] = KNOWN) -> Path:
        cache = tmp_path / f"trivy-{uuid4().hex[:6]}"
        write_database(cache, [*known, *vulnerabilities])
        return cache

    return make


@pytest.fixture(scope="session")
def trivy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for TRIVY_CACHE_DIR, by which images that are generated have no weakness."""
    cache = tmp_path_factory.mktemp("trivy")
    write_database(cache)
    return cache


@pytest.fixture(scope="session")
def engine(render: Render) -> Iterator[str]:
    """The command of an engine that answers."""
    try:
        found = subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        found = False
    need(found, "Docker engine answers `docker info`")
    # The layers that all images stand on stay: an engine may drop those of an image whose name a
    # build takes over, while that very build unpacks what stands on them.
    kept = f"slipway-{uuid4().hex[:12]}"
    docker("buildx", "build", "--quiet", "--load", "--target=runtime", f"--tag={kept}", render())
    yield "docker"
    docker("image", "rm", "--force", kept)


@pytest.fixture(scope="session")
def registry(engine: str) -> str:  # noqa: ARG001  # without an engine, no registry
    """Return the address of a registry that the engine may use."""
    return need(find_registry(), "registry that the engine may use answers: see TEST_REGISTRY")


@pytest.fixture(scope="session")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Key]:
    """Return a function that makes keys, with cosign."""
    need_program("cosign")
    return lambda: Key.make(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def key(make_key: Callable[[], Key]) -> Key:
    """The project's key."""
    return make_key()


@pytest.fixture
def publisher(
    registry: str, make_project: MakeProject, key: Key, request: pytest.FixtureRequest
) -> Iterator[Publisher]:
    """A project, the default one unless answers are given, for one processor.

    Its name in the registry is nobody else's.
    """
    name = f"slipway-test/{uuid4().hex}"
    with Gate(registry) as gate:
        project = make_project(**getattr(request, "param", {}))
        image = f"{gate.address}/{name}"
        text = (project.path / "pyproject.toml").read_text(encoding="utf-8")
        [line] = [line for line in text.splitlines() if line.startswith('name = "ghcr.io/')]
        project.replace("pyproject.toml", line, f'name = "{image}"')
        project.replace("pyproject.toml", f"platforms = {BOTH}", f"platforms = {ONE}")
        project.write("cosign.pub", key.public.read_text(encoding="utf-8"))
        project.commit("feat: publish to a registry of our own")
        yield Publisher(project, gate, image, f"{registry}/{name}", key)
        forget(image)
