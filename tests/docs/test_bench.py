"""What the documentation says is measured can be measured."""

import shutil
from pathlib import Path

from tests.project import Project


def test_the_bench_has_all_that_it_imports(template: Path, tmp_path: Path) -> None:
    project = Project(tmp_path / "slipway")
    shutil.copytree(template, project.path)
    group = ("uv", "run", "--quiet", "--no-default-groups", "--group=bench")
    project.must(*group, "python", "-c", "import bench.__main__", PYTHONPATH="template")
