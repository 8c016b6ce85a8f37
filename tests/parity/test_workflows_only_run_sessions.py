"""A workflow is only a loop over sessions: what else it would run is refused, with its place."""

from dataclasses import dataclass

import pytest

from tests.parity.houses import House
from tests.parity.policy import PLAN, faults


def test_workflows_hold_nothing_but_sessions(house: House) -> None:
    paths = list(house.automation())
    assert len(paths) >= 3, f"{house.name} has only {paths}"
    known = (house.sessions, house.workflows)
    found = [each for path in paths for each in faults(path, house.text(path), *known)]
    assert not found, "\n".join([house.name, *found])


CI = ".github/workflows/ci.yml"
RELEASE = ".github/workflows/release.yml"


@dataclass(frozen=True)
class Mutation:
    """A change of a workflow that must not get through."""

    old: str
    new: str
    refused: str
    path: str = CI


PINNED_CHECKOUT = "uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
SESSION = 'run: uv run nox -s "$SESSION"'
FEED = "SESSION: ${{ matrix.session }}"
RUN = "job session: step 'Run the session'"
PLANNING = "job plan: step 'List the sessions'"
SUM_UP = "job ci: step 'Sum up'"
CALL = f"uses: ./{CI}"

MUTATIONS = {
    "a bare tool": Mutation(SESSION, "run: pytest", f"{RUN}: 'pytest' is not `uv run nox -s"),
    "a tool through uv": Mutation(
        SESSION, "run: uv run pytest", f"{RUN}: 'uv run pytest' is not `uv run nox -s"
    ),
    "a second command": Mutation(
        SESSION, "run: uv run nox -s lint && make", f"{RUN}: 'uv run nox -s lint && make' is not"
    ),
    "a failure that passes": Mutation(
        SESSION, "run: uv run nox -s lint || true", f"{RUN}: 'uv run nox -s lint || true' is not"
    ),
    "another nox": Mutation(SESSION, "run: uvx nox -s lint", f"{RUN}: 'uvx nox -s lint' is not"),
    "everything that is tagged": Mutation(
        SESSION, "run: uv run nox -t ci", f"{RUN}: 'uv run nox -t ci' is not"
    ),
    "a session that does not exist": Mutation(
        "nox -s summary", "nox -s sumary", f"{SUM_UP}: nox has no session 'sumary'"
    ),
    "one session that exists, one that does not": Mutation(
        "nox -s summary", "nox -s summary deploi", f"{SUM_UP}: nox has no session 'deploi'"
    ),
    "an expression in a script": Mutation(
        SESSION, "run: uv run nox -s ${{ matrix.session }}", f"{RUN}: ${{{{ }}}} inside run"
    ),
    "an argument from nowhere": Mutation(
        "nox -s summary", 'nox -s summary -- "$TITLE"', f'{SUM_UP}: "$TITLE" is not in the step'
    ),
    "several lines": Mutation(
        SESSION,
        "run: |\n          uv run nox -s lint\n          uv run nox -s test",
        f"{RUN}: a script of several lines",
    ),
    "another shell": Mutation(
        SESSION, f"{SESSION}\n        shell: python", f"{RUN}: shell changes what the command means"
    ),
    "another shell for all": Mutation(
        "permissions: {}\n",
        "permissions: {}\ndefaults:\n  run:\n    shell: python {0}\n",
        "job session: defaults change what its commands mean",
    ),
    "another folder": Mutation(
        SESSION, f"{SESSION}\n        working-directory: src", f"{RUN}: working-directory changes"
    ),
    "a failure that is overlooked": Mutation(
        SESSION, f"{SESSION}\n        continue-on-error: true", f"{RUN}: continue-on-error"
    ),
    "a job whose failure is overlooked": Mutation(
        "    needs: plan\n", "    needs: plan\n    continue-on-error: true\n", "job session: contin"
    ),
    "a failure that stops the others": Mutation(
        "      fail-fast: false\n", "", "job session: without `fail-fast: false`"
    ),
    "a session from elsewhere": Mutation(
        FEED, "SESSION: ${{ github.event.inputs.session }}", f'{RUN}: "$SESSION" does not come'
    ),
    "a plan of one's own": Mutation(
        "include: ${{ fromJSON(needs.plan.outputs.sessions) }}",
        "session: [lint, typecheck]",
        f'{RUN}: "$SESSION" does not come from the matrix of the plan',
    ),
    "a plan that lists something else": Mutation(
        PLAN, "uv run nox -s lint", f'{RUN}: "$SESSION" does not come from the matrix of the plan'
    ),
    "a plan whose failure is swallowed": Mutation(
        PLAN,
        'echo "sessions=$(uv run nox -t ci --list --json)" >> "$GITHUB_OUTPUT"',
        f"{PLANNING}: 'echo",
    ),
    "a branch": Mutation(PINNED_CHECKOUT, "uses: actions/checkout@main", "checkout@main' is not"),
    "a tag": Mutation(PINNED_CHECKOUT, "uses: actions/checkout@v7", "checkout@v7' is not pinned"),
    "a short commit": Mutation(
        PINNED_CHECKOUT, "uses: actions/checkout@3d3c42e # v7.0.1", "checkout@3d3c42e # v7.0.1' is"
    ),
    "a commit without its version": Mutation(
        " # v7.0.1", "", "'uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1' is not"
    ),
    "a container instead of an action": Mutation(
        PINNED_CHECKOUT, "uses: docker://alpine:3", "'uses: docker://alpine:3' is not pinned"
    ),
    "an action in one line with its step": Mutation(
        "- name: Set up\n        uses: ./.github/actions/setup",
        "- { name: Set up, uses: evil/action@main }",
        "write each `uses:` on a line of its own",
    ),
    "no time limit": Mutation("    timeout-minutes: 30\n", "", "job session: there is no timeout"),
    "permissions at the top": Mutation(
        "permissions: {}\n", "permissions:\n  contents: read\n", f"{CI}: permissions at the top"
    ),
    "no permissions at the top": Mutation(
        "permissions: {}\n", "", f"{CI}: permissions at the top must be {{}}"
    ),
    "a job that may do everything": Mutation(
        "    permissions:\n      contents: read # to check out\n",
        "    permissions: write-all\n",
        "job plan: its permissions are not listed",
    ),
    "credentials left on the disk": Mutation(
        "\n          persist-credentials: false",
        " {}",
        "job plan: step 'Check out': persist-credentials must be false",
    ),
    "runs that overtake each other": Mutation(
        "concurrency:", "x-concurrency:", f"{CI}: there is no concurrency"
    ),
    "a workflow from elsewhere": Mutation(
        CALL,
        f"uses: slipway-template/slipway/{CI}@{'0' * 40} # v1.2.3",
        f"job ci: 'slipway-template/slipway/{CI}@{'0' * 40}' is no workflow of this repository",
        RELEASE,
    ),
    "a workflow that does not exist": Mutation(
        CALL,
        CALL.replace("ci.yml", "tests.yml"),
        "job ci: './.github/workflows/tests.yml' is no workflow of this repository",
        RELEASE,
    ),
    "a workflow that is called by nobody": Mutation(
        CALL,
        CALL.replace("ci.yml", "scan.yml"),
        "job ci: ./.github/workflows/scan.yml has no workflow_call",
        RELEASE,
    ),
    "a workflow that waits for its caller": Mutation(
        "  group: release-${{ github.ref }}-${{ github.sha }}\n",
        "  group: ci-${{ github.event.pull_request.number || github.run_id }}\n",
        f"job ci: ./{CI} has the same concurrency group",
        RELEASE,
    ),
    "all secrets for a workflow": Mutation(
        CALL, f"{CALL}\n    secrets: inherit", "job ci: `secrets: inherit` hands over", RELEASE
    ),
    "steps beside a workflow": Mutation(
        CALL, f"{CALL}\n    steps: []", "job ci: it calls a workflow, so it has no steps", RELEASE
    ),
    "a call without permissions": Mutation(
        "    permissions:\n      contents: read # to check out\n",
        "",
        "job ci: its permissions are not listed",
        RELEASE,
    ),
    "a call with fewer permissions than it needs": Mutation(
        "      packages: write",
        "      packages: read",
        "job publish: job publish there needs `packages: write`, which is not granted here",
        RELEASE,
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_bad_workflow_is_refused_with_its_place(generated: House, mutation: Mutation) -> None:
    path = mutation.path
    good = generated.text(path)
    assert mutation.old in good, f"{path} holds no {mutation.old!r} any more: mend this table"
    bad = good.replace(mutation.old, mutation.new, 1)
    found = faults(path, bad, generated.sessions, generated.workflows)
    assert any(each.startswith(path) and mutation.refused in each for each in found), found


def test_an_action_of_ones_own_is_held_to_the_same(generated: House) -> None:
    path = ".github/actions/setup/action.yml"
    more = generated.text(path) + "    - name: Prepare\n      run: curl https://example.org | sh\n"
    [fault] = faults(path, more, generated.sessions, generated.workflows)
    assert fault.startswith(f"{path}: step 'Prepare': 'curl https://example.org | sh' is not")
