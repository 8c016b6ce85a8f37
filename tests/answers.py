"""The answers that people give, read from copier.yml, so that a new choice is covered at once."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from allpairspy import AllPairs  # type: ignore[import-untyped]
from jinja2 import Template
from jinja2.sandbox import SandboxedEnvironment

Answers = dict[str, str]
"""What follows `-d` on the command line: a choice as its value, several as a YAML list."""

Question = Mapping[str, Any]

COPIER_YML = Path(__file__).parents[1] / "copier.yml"

# What people type where any text will do. The choices need no table: copier.yml has them.
TEXTS = {
    "project_name": [
        '1st "Café" & <Söhne> \N{EN DASH} C:\\new #1: 100 % 💡 \N{HEBREW LETTER ALEF}',
        "注文サービス",  # nothing of it can stand in a package's name
    ],
    "description": ['- It\'s "quoted": 50 % & <b>*more*</b> # 予約' + " and more" * 16 + "."],
    "author_name": ["Jane O'Brien-Ødegård (R&D)"],
    "author_email": ["first.last+tag@mail.example.org"],
    "repository_owner": ["A-1"],
    "registry": [
        "docker.io/a",
        "localhost:5000",
        "123.dkr.ecr.eu-west-1.amazonaws.com/te_am/a__b-c",
    ],
    "project_slug": ["n0tes-" + "x" * 34],
    "package_name": ["a"],
}


@cache
def questions() -> Mapping[str, Question]:
    """Return what copier.yml asks, in order."""
    document = yaml.safe_load(COPIER_YML.read_text(encoding="utf-8"))
    return {name: question for name, question in document.items() if not name.startswith("_")}


@cache
def template(text: str) -> Template:
    """Return what copier.yml has as a template, ready to be rendered."""
    return SandboxedEnvironment().from_string(text)


def parse(question: Question, text: str) -> Any:
    """Return the value that Copier records for an answer."""
    plain = question["type"] == "str" and not question.get("multiselect")
    return text if plain else yaml.safe_load(text)


def default(question: Question, known: Mapping[str, Any]) -> str:
    """Return the answer of somebody who presses Enter, having answered what is known.

    What is computed with a macro is returned as it stands in copier.yml.
    """
    value = question.get("default", "")
    text = value if isinstance(value, str) else str(value).lower()
    return text if "{%" in text or "{{" not in text else template(text).render(known)


def completed(answers: Answers) -> dict[str, Any]:
    """Return the value of every question for somebody who gives these answers."""
    known: dict[str, Any] = {}
    for name, question in questions().items():
        known[name] = parse(question, answers.get(name, default(question, known)))
    return known


def choices(question: Question) -> list[str]:
    """Return every answer that a question offers; none where any text will do."""
    if question["type"] == "bool":
        return ["true", "false"]
    offered = question.get("choices", [])
    values = list(offered.values() if isinstance(offered, dict) else offered)
    values = [value[1] if isinstance(value, list) else value for value in values]
    values = [str(value["value"] if isinstance(value, dict) else value) for value in values]
    if question.get("multiselect"):
        return ["[]", *(f"[{value}]" for value in values), f"[{', '.join(values)}]"]
    return values


def others(name: str, question: Question) -> list[str]:
    """Return the answers to try beside the default."""
    return [text for text in choices(question) or TEXTS[name] if text != completed({})[name]]


def is_asked(name: str, answers: Answers) -> bool:
    """Tell whether a question matters to somebody who gives these answers."""
    when = template(str(questions()[name].get("when", True)))
    return bool(yaml.safe_load(when.render(completed(answers))))


def needed(name: str) -> Answers:
    """Return an answer to another question without which this one does not matter, if any."""
    alone: list[Answers] = [
        {},
        *({n: text} for n, q in questions().items() if n != "preset" for text in choices(q)),
    ]
    return next(answers for answers in alone if is_asked(name, answers))


@cache
def single_sets() -> dict[str, Answers]:
    """Return each answer that is not the default, alone but for what it needs."""
    return {
        f"{name}={text if choices(question) else number}": {**needed(name), name: text}
        for name, question in questions().items()
        for number, text in enumerate(others(name, question), 1)
    }


@cache
def pairwise_sets() -> dict[str, Answers]:
    """Return a few answer sets in which any two answers to any two questions meet.

    A preset is left out: all that it does is to answer other questions.
    """
    # None is the default, which may follow from other answers.
    columns = {n: [None, *others(n, question)] for n, question in questions().items()}
    del columns["preset"]

    def given(row: Sequence[str | None]) -> Answers:
        return {name: text for name, text in zip(columns, row, strict=False) if text}

    def matters(row: Sequence[str | None]) -> bool:
        last = list(columns)[len(row) - 1]
        return row[-1] is None or is_asked(last, given(row))

    rows = AllPairs(list(columns.values()), filter_func=matters)
    sets = {f"pairs-{number}": given(row) for number, row in enumerate(rows)}
    del sets["pairs-0"]  # the defaults
    return sets


def answer_sets() -> dict[str, Answers]:
    """Return the defaults, each other answer alone, and a pairwise cover of all, by name."""
    return {"defaults": {}} | single_sets() | pairwise_sets()
