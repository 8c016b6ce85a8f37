"""Which files an answer brings, and which it leaves out."""

from pathlib import Path

from syrupy.assertion import SnapshotAssertion

from tests.answers import Answers, choices, needed, questions, single_sets
from tests.conftest import Render
from tests.render.conftest import files
from tests.render.test_files import recorded

CHOICES = [name for name, question in questions().items() if choices(question)]


def tree(project: Path) -> set[str]:
    """Return the paths of a project, whatever its package is called."""
    package = f"src/{recorded(project)['package_name']}/"
    return {name.replace(package, "src/<package>/") for name in files(project)}


def change(render: Render, answers: Answers) -> tuple[set[str], set[str]]:
    """Return what answers bring and what they leave out."""
    before, after = tree(render()), tree(render(**answers))
    return after - before, before - after


def test_the_tree_of_the_defaults(render: Render, snapshot: SnapshotAssertion) -> None:
    assert sorted(tree(render())) == snapshot


def test_the_changes_of_each_other_choice(render: Render, snapshot: SnapshotAssertion) -> None:
    changes = {}
    for name, answers in single_sets().items():
        brought, left_out = change(render, answers)
        if brought or left_out:
            changes[name] = sorted(f"- {path}" for path in left_out)
            changes[name] += sorted(f"+ {path}" for path in brought)
    assert changes == snapshot


def test_answers_together_change_what_each_changes_alone(
    render: Render, rendered: Path, answers: Answers
) -> None:
    chosen = [{**needed(name), name: answers[name]} for name in CHOICES if name in answers]
    alone = [change(render, each) for each in chosen]
    before, after = tree(render()), tree(rendered)
    assert after - before == set().union(*(brought for brought, _ in alone))
    assert before - after == set().union(*(left_out for _, left_out in alone))
