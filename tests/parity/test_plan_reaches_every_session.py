"""The pipeline is what nox lists: a session that is added is run, and no workflow is edited."""

import ast
import json

import yaml

from tests.parity.act import Act
from tests.parity.houses import House
from tests.project import Project

CI = ".github/workflows/ci.yml"

GREET = '''

@nox.session(tags=["ci"])
def greet(session: nox.Session) -> None:
    """Prove that somebody is there."""
    session.run("python", "-c", "print('Hello, pipeline')")
'''


def planned(project: Project) -> list[str]:
    """Run the plan command of ci.yml as a runner does; return the sessions of its matrix."""
    steps = yaml.safe_load((project.path / CI).read_text())["jobs"]["plan"]["steps"]
    [command] = [step["run"] for step in steps if "run" in step]
    output = project.path / ".git" / "output"
    project.must("bash", "-e", "-c", command, GITHUB_OUTPUT=str(output))
    [line] = output.read_text().splitlines()
    output.unlink()
    return [leg["session"] for leg in json.loads(line.removeprefix("sessions="))]


def tagged(noxfile: str) -> set[str]:
    """Return the functions of a noxfile that have the tag `ci`, as a reader would find them."""
    return {
        node.name
        for node in ast.parse(noxfile).body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg == "tags" and "ci" in ast.literal_eval(keyword.value)
    }


def test_the_matrix_is_every_session_tagged_ci(house: House) -> None:
    legs = planned(house.project)
    assert legs == house.pipeline
    assert {"lint", "typecheck", "scan"} <= set(legs)
    names = {entry["name"] for entry in house.listed if entry["session"] in legs}
    assert names == tagged(house.text("noxfile.py"))


def test_every_supported_python_is_a_leg(generated: House) -> None:
    assert [leg for leg in planned(generated.project) if leg.startswith("test")] == [
        "test-3.12",
        "test-3.13",
    ]


def test_a_new_session_runs_in_the_pipeline_and_no_workflow_is_edited(
    project: Project, act: Act
) -> None:
    before = planned(project)
    noxfile = (project.path / "noxfile.py").read_text()
    project.write("noxfile.py", noxfile + GREET)

    assert planned(project) == [*before, "greet"]
    assert project.must("git", "diff", "--name-only").split() == ["noxfile.py"]
    run = act.run(project, "pull_request", CI, "--job=session", "--matrix=session:greet")
    assert run.job("greet").passed, run.out
    assert "Hello, pipeline" in run.job("greet").out
