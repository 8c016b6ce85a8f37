"""What a workflow may hold: a loop over nox sessions, with nothing to trust.

`faults` reads a workflow, or an action of the repository's own, and returns one line for each thing
that is not allowed, beginning with file, job and step.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

PLAN = 'sessions=$(uv run nox -t ci --list --json) && echo "sessions=$sessions" >> "$GITHUB_OUTPUT"'
"""The one command that is no session. Its status is nox's: a plan that failed is no empty plan."""

VARIABLE = r'"\$[A-Z][A-Z_]*"'
NAME = r"[A-Za-z][\w.-]*"
WORD = r"[\w./:=@,+-]+"
COMMAND = re.compile(
    rf"uv run nox -s((?: (?:{NAME}|{VARIABLE}))+)(?: --((?: (?:{WORD}|{VARIABLE}))+))?"
)
MATRIX = {"include": "${{ fromJSON(needs.plan.outputs.sessions) }}"}
PINNED = re.compile(r"uses: +[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
LEVELS = ("none", "read", "write")

Node = dict[str, Any]


def faults(
    path: str, text: str, sessions: frozenset[str], workflows: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with a workflow or an action, a line each; empty when nothing is.

    Args:
        path: where it stands, for the messages.
        text: what it holds.
        sessions: every name that `nox -s` knows there.
        workflows: what the repository's workflows hold, by the name that a job calls them by.
    """
    document: Node = yaml.safe_load(text)
    found = [f"{path}: {fault}" for fault in unpinned(text, document)]
    if "runs" in document:
        steps = document["runs"].get("steps", [])
        found += faults_of_steps(path, {}, {}, steps, sessions)
        return found
    if document.get("permissions") != {}:
        found.append(f"{path}: permissions at the top must be {{}}: a job asks for what it needs")
    if not document.get("concurrency"):
        found.append(f"{path}: there is no concurrency, so runs can overtake each other")
    for name, job in document["jobs"].items():
        where = f"{path}: job {name}"
        found += [f"{where}: {fault}" for fault in faults_of_job(document, job)]
        found += faults_of_steps(where, document, job, job.get("steps", []), sessions)
        if "uses" in job:
            found += [f"{where}: {fault}" for fault in faults_of_call(document, job, workflows)]
    return found


def faults_of_job(workflow: Node, job: Node) -> Iterator[str]:
    """Yield what is wrong with a job, but for its steps."""
    if not isinstance(job.get("permissions"), dict):
        yield "its permissions are not listed"
    if "uses" not in job and not isinstance(job.get("timeout-minutes"), int):
        yield "there is no timeout-minutes"
    if "continue-on-error" in job:
        yield "continue-on-error hides a failure"
    if "defaults" in workflow | job:
        yield "defaults change what its commands mean"
    if "strategy" in job and job["strategy"].get("fail-fast") is not False:
        yield "without `fail-fast: false` one failure stops the other legs"


def faults_of_call(workflow: Node, job: Node, workflows: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a job that calls a workflow."""
    if "steps" in job:
        yield "it calls a workflow, so it has no steps"
    if job.get("secrets") == "inherit":
        yield "`secrets: inherit` hands over all of them: name those that are needed"
    if job["uses"] not in workflows:
        yield f"{job['uses']!r} is no workflow of this repository, like ./.github/workflows/ci.yml"
        return
    called: Any = yaml.safe_load(workflows[job["uses"]])
    if "workflow_call" not in called[True]:  # what YAML takes `on` for
        yield f"{job['uses']} has no workflow_call, so it cannot be called"
    if groups(called) & groups(workflow, job):
        yield f"{job['uses']} has the same concurrency group, so they would wait for each other"
    granted = job["permissions"] if isinstance(job.get("permissions"), dict) else {}
    for name, inner in called["jobs"].items():
        for scope, level in (inner.get("permissions") or {}).items():
            if LEVELS.index(level) > LEVELS.index(granted.get(scope, "none")):
                yield f"job {name} there needs `{scope}: {level}`, which is not granted here"


def groups(*nodes: Node) -> set[str]:
    """Return the concurrency groups that workflows and jobs name."""
    return {node["concurrency"]["group"] for node in nodes if "concurrency" in node}


def unpinned(text: str, document: Node) -> Iterator[str]:
    """Yield the lines that use an action of others by anything but a commit and its version."""
    lines = [line.strip().removeprefix("- ") for line in text.splitlines()]
    used = [line for line in lines if re.match(r"[\"']?uses\b", line)]
    for line in used:
        if not (re.fullmatch(r"uses: \./[\w./-]+", line) or PINNED.fullmatch(line)):
            yield f"{line!r} is not pinned: a full commit SHA, then ` # v1.2.3`"
    if len(used) != sum(1 for _ in uses(document)):
        yield "write each `uses:` on a line of its own"


def uses(node: object) -> Iterator[str]:
    """Yield every value of a key `uses`, wherever it stands."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "uses":
                yield value
            yield from uses(value)
    elif isinstance(node, list):
        for each in node:
            yield from uses(each)


def faults_of_steps(
    where: str, workflow: Node, job: Node, steps: list[Node], sessions: frozenset[str]
) -> Iterator[str]:
    """Yield what is wrong with the steps of a job."""
    for number, step in enumerate(steps, start=1):
        place = f"{where}: step {step.get('name', number)!r}"
        if "continue-on-error" in step:
            yield f"{place}: continue-on-error hides a failure"
        if step.get("uses", "").startswith("actions/checkout@"):
            if step.get("with", {}).get("persist-credentials") is not False:
                yield f"{place}: persist-credentials must be false"
        elif "run" in step:
            for key in step.keys() & {"shell", "working-directory"}:
                yield f"{place}: {key} changes what the command means"
            if step["run"] != PLAN:
                for fault in faults_of_run(workflow, job, step, sessions):
                    yield f"{place}: {fault}"


def faults_of_run(workflow: Node, job: Node, step: Node, sessions: frozenset[str]) -> Iterator[str]:
    """Yield what is wrong with a step that runs a command."""
    command = step["run"]
    if "${{" in command:
        yield "${{ }} inside run is a script injection: pass the value through env"
    elif "\n" in command.strip():
        yield "a script of several lines belongs into a session"
    elif (match := COMMAND.fullmatch(command)) is None:
        yield f"{command!r} is not `uv run nox -s SESSION`"
    else:
        for word in match[1].split():
            if word.startswith('"'):
                if not fed_by_the_plan(word.strip('"$'), workflow, job, step):
                    yield f"{word} does not come from the matrix of the plan"
            elif word not in sessions:
                yield f"nox has no session {word!r}"
        for variable in set(re.findall(VARIABLE, match[2] or "")) - given(step) - given(job):
            yield f"{variable} is not in the step's env"


def given(node: Node) -> set[str]:
    """Return the variables of a step's or a job's env, as a command names them."""
    return {f'"${name}"' for name in node.get("env", {})}


def fed_by_the_plan(variable: str, workflow: Node, job: Node, step: Node) -> bool:
    """Tell whether a variable is a session that the plan command listed."""
    plan = workflow.get("jobs", {}).get("plan", {})
    source = re.fullmatch(
        r"\$\{\{ steps\.(\w+)\.outputs\.sessions \}\}", plan.get("outputs", {}).get("sessions", "")
    )
    return (
        step.get("env", {}).get(variable) == "${{ matrix.session }}"
        and job.get("strategy", {}).get("matrix") == MATRIX
        and job.get("needs") in ("plan", ["plan"])
        and source is not None
        and [each["run"] for each in plan["steps"] if each.get("id") == source[1]] == [PLAN]
    )
