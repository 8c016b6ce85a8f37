"""Whatever both sides do to whatever files: what people did is kept, or shown as a conflict."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline.template.merge import Merged, Scratch, apply

from tests.project import Project

# A template with files of several sorts; every line is one of its kind.
NAMES = ("README.md", "pyproject.toml", "src/a.py", "latin.txt", "windows.txt", "deep/er/x.yaml")
FILES: dict[str, list[bytes]] = {
    name: [f"{name} line {number}".encode() for number in range(12)] for name in NAMES
}
FILES["latin.txt"][3] = "latin é".encode("latin-1")
ENDS = {"windows.txt": b"\r\n"}

# What is done to a file: lines that are put in before some, others that go, or the whole file.
EDITS = st.fixed_dictionaries(
    {
        "put in": st.dictionaries(st.integers(0, 12), st.sampled_from([b"", b"\xe9", b"\xc3\xa9"])),
        "take out": st.sets(st.integers(0, 11), max_size=4),
    }
)
SIDE = st.fixed_dictionaries(
    {
        "edit": st.dictionaries(st.sampled_from(NAMES), EDITS, max_size=4),
        "delete": st.sets(st.sampled_from(NAMES), max_size=2),
        "add": st.dictionaries(
            st.sampled_from(["own.bin", "src/own.py", "both.txt"]),
            st.sampled_from([b"\x00\x01\xff", b"text", b"text without an end", b""]),
            max_size=2,
        ),
    }
)


Side = dict[str, Any]


def written(side: str, changes: Side) -> dict[str, bytes]:
    """Return the files of a side, in which every line tells whose it is."""
    files: dict[str, bytes] = {}
    for name, lines in FILES.items():
        edit = changes["edit"].get(name, {"put in": {}, "take out": set()})
        end = ENDS.get(name, b"\n")
        found = []
        for number in range(13):
            if number in edit["put in"]:
                extra = edit["put in"][number]
                found.append(f"{side} {name} {number} ".encode() + extra)
            if number < 12 and number not in edit["take out"]:
                found.append(lines[number])
        if name not in changes["delete"]:
            files[name] = b"".join(line + end for line in found)
    for name, content in changes["add"].items():
        files[name] = content if name == "own.bin" else f"{side} {name} ".encode() + content
    return files


def write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def updated(project: Project, new: Mapping[str, bytes], old: Mapping[str, bytes]) -> Merged:
    """Merge two renderings with a project, and bring the result into it."""
    head = project.must("git", "rev-parse", "HEAD").strip()
    with contextlib.chdir(project.path), Scratch.beside() as scratch:
        first, second = (scratch.rendered(partial(write, it), "") for it in (old, new))
        merged = scratch.merge(first, head, second)
        apply(head, merged)
    return merged


@settings(max_examples=40, derandomize=True, database=None, deadline=None)
@given(ours=SIDE, theirs=SIDE)
def test_what_people_did_is_kept_or_shown(ours: Side, theirs: Side) -> None:
    old = written("nobody", {"edit": {}, "delete": {}, "add": {}})
    mine, new = written("mine", ours), written("theirs", theirs)
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name, "my project"))
        project.path.mkdir()
        write(mine, project.path)
        project.must("git", "init", "--quiet", "--initial-branch=main")
        project.commit()

        merged = updated(project, new, old)

        for path, content in mine.items():
            file = project.path / path
            if content == old.get(path):
                continue  # it is the template's, and may go with it
            there = file.read_bytes()
            lost = [it for it in content.splitlines() if it not in there.splitlines()]
            own = [it for it in lost if it.startswith(b"mine")]
            assert not own, f"{path}: {own}"
            if path not in merged.conflicts:
                back = set(there.splitlines()) & set(old.get(path, b"").splitlines())
                assert back <= set(content.splitlines()), f"{path}: lines came back"
        for path in old.keys() - mine.keys():
            assert not (project.path / path).exists(), f"{path} came back"
        told = project.must("git", "status", "--porcelain")
        unmerged = [it for it in told.splitlines() if "U" in it[:2] or it[:2] in {"AA", "DD"}]
        assert len(unmerged) == len(merged.conflicts), told
        shutil.rmtree(project.path)


def test_a_line_of_both_is_a_conflict_at_its_place(tmp_path: Path) -> None:
    project = Project(tmp_path)
    write({"a.txt": b"first\nmine \xe9\nlast\n", "b.txt": b"gone by them, and mine\n"}, tmp_path)
    project.must("git", "init", "--quiet", "--initial-branch=main")
    project.commit()

    old = {"a.txt": b"first\nold\nlast\n", "b.txt": b"\n"}
    merged = updated(project, {"a.txt": b"first\ntheirs\nlast\n"}, old)

    assert merged.conflicts.keys() == {"a.txt", "b.txt"}
    shown = b"<<<<<<< yours\nmine \xe9\n=======\ntheirs\n>>>>>>> the-template\n"
    assert (tmp_path / "a.txt").read_bytes() == b"first\n" + shown + b"last\n"
    assert (tmp_path / "b.txt").read_bytes() == b"gone by them, and mine\n"
