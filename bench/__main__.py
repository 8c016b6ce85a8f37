"""Measure what people wait for, print it as a table, and write it to reports/bench.json."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.deployments import deployments
from bench.images import images
from bench.measure import Measure, seconds
from bench.releases import releases
from bench.service import services
from bench.updates import updates
from tests.project import Project
from tests.registry import find_registry

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "reports" / "bench.json"


def copy(source: Path, destination: Path, *answers: str) -> None:
    """Copy a template as a person does."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    Project(destination.parent).must(
        sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", "--vcs-ref=HEAD",
        *(f"--data={answer}" for answer in answers), source, destination,
    )  # fmt: skip


def rendering(folder: Path, template: Path) -> list[Measure]:
    """Measure a copy of the template beside one of a single file, and one of as many plain files.

    Copier renders each part of each path and asks git about each file: that has a price of its own.
    """
    root = template / "template"
    files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    floor = copying(plain_template(folder / "one", ["file"]), folder / "copies-of-one")
    paths = [str(path).replace("{", "").replace("}", "") for path in files]
    as_many = copying(plain_template(folder / "many", paths), folder / "copies-of-many")
    whole = copying(template, folder / "copies")
    return [
        Measure(
            "rendering, beside Copier's floor",
            whole / floor,
            "x",
            1.5,
            f"{whole:.2f} s beside {floor:.2f} s for one plain file",
        ),
        Measure(
            "rendering, beside as many plain files",
            whole / as_many,
            "x",
            None,  # it tells how much of the ratio above is Copier's own work
            f"{whole:.2f} s beside {as_many:.2f} s for {len(files)} plain files of the same names",
        ),
    ]


def plain_template(folder: Path, paths: list[str]) -> Path:
    """Return a template of these files, in which nothing is to be rendered."""
    plain = Project(folder)
    plain.write("copier.yml", "_subdirectory: template\n")
    for path in paths:
        plain.write(f"template/{path}", "\n")
    plain.must("git", "init", "--quiet")
    plain.commit()
    return plain.path


def copying(source: Path, folder: Path) -> float:
    """Return the seconds of a copy of a template, as the median of some."""
    count = iter(range(1000))
    return seconds(lambda: copy(source, folder / str(next(count))), repeat=5)


def copy_to_green(folder: Path, template: Path) -> tuple[Project, list[Measure]]:
    """Measure the first and the second `uv run nox` in a new project, with a warm cache of uv."""
    project = Project(folder / "new")
    copy(template, project.path)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    cold = seconds(lambda: project.must("uv", "run", "nox"))
    warm = seconds(lambda: project.must("uv", "run", "nox"), repeat=3)
    project.commit()
    return project, [
        Measure("from the copy to green, fresh folder", cold, "s", 12, "uv run nox"),
        Measure("from there to green again", warm, "s", 3, "uv run nox, median of 3"),
    ]


def session(project: Project, name: str, *bare: str) -> Measure:
    """Measure a warm session beside the bare tool in the same environment."""
    environment = project.path / ".nox" / name
    variables = {"UV_PROJECT_ENVIRONMENT": str(environment), "UV_NO_SYNC": "1"}
    tool = (str(environment / "bin" / bare[0]), *bare[1:])
    beside = seconds(lambda: project.must(*tool, **variables), repeat=5)
    whole = seconds(lambda: project.must("uv", "run", "nox", "-s", name), repeat=5)
    made_of = f"{whole:.2f} s beside {beside:.2f} s for {' '.join(bare)}"
    return Measure(f"{name}, over the bare tool", whole - beside, "s", 0.4, made_of)


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        template = folder / "template"
        Project(ROOT).must("git", "clone", "--quiet", ROOT, template)
        measures = rendering(folder, template)
        measures += updates(folder / "updates", template)
        project, green = copy_to_green(folder, template)
        measures += green
        measures.append(session(project, "lint", "pre-commit", "run", "--all-files"))
        measures.append(session(project, "typecheck", "mypy"))
        mcp = Project(folder / "mcp")
        copy(template, mcp.path, "preset=mcp")
        mcp.must("uv", "sync")
        measures += services(project, mcp)
        measures += releases(project)
        if project.run("docker", "info").status == 0:
            measures += images(project, folder / "trivy")
        else:
            print("No Docker engine answers, so nothing is measured of the image.\n")
        registry = find_registry()
        if registry and project.run("kubectl", "get", "--raw=/readyz").status == 0:
            deploying = Project(folder / "deploying")
            copy(template, deploying.path, "deploy=[kubernetes]")
            deploying.must("git", "init", "--quiet", "--initial-branch=main")
            deploying.must("uv", "lock", "--quiet")
            deploying.commit()
            measures += deployments(deploying, registry, folder / "deployed")
        else:
            print("No cluster and registry answer, so nothing is measured of deployments.\n")

    print("| measure | value | aim | | made of |\n|---|--:|--:|---|---|")
    for it in measures:
        aim = "" if it.aim is None else f"{'at least ' * it.at_least}{it.aim} {it.unit}"
        met = {True: "met", False: "MISSED", None: ""}[it.met]
        print(f"| {it.name} | {it.value:.2f} {it.unit} | {aim} | {met} | {it.made_of} |")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([asdict(it) | {"met": it.met} for it in measures], indent=2))


if __name__ == "__main__":
    main()
