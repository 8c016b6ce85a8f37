"""`nox -s docker` passes the image of a new project, and the image is what it says."""

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.answers import TEXTS
from tests.conftest import MakeProject
from tests.images.containers import config, digest_of, docker, folder_of
from tests.project import Project

pytestmark = pytest.mark.e2e

HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
OCI = "org.opencontainers.image"
BUILD = "import sys; from pipeline.image import build; build(*sys.argv[1:])"
TREE = (
    "import os; print(*(os.path.join(d, f) for r in ('/app', '/root', '/home', '/tmp', '/opt')"
    " for d, _, fs in os.walk(r) for f in fs), sep='\\n')"
)


def report(project: Project, name: str) -> Any:
    return json.loads((project.path / "reports" / name).read_text(encoding="utf-8"))


def test_the_image_of_a_new_project_is_proved_and_is_what_it_says(
    project: Project, name: str
) -> None:
    # What git ignores is in no commit, and what is in no commit must not be in an image.
    secret = "SECRET=not-for-everybody\n"
    for path in (".env", "src/my_service/.env", "reports/big", "src/my_service/__pycache__/a.pyc"):
        project.write(path, secret * (1_000_000 if path == "reports/big" else 1))
    image = f"{name}:{folder_of(project.path)}"

    done = project.nox("-s", "docker")

    assert done.status == 0, done.out
    assert "hadolint: 0 found" in done.out
    assert "trivy: 0 found" in done.out
    sent = re.findall(r"transferring context: ([0-9.]+)([kMG]?B)", done.out)
    assert sent, done.out
    assert all(unit in {"B", "kB"} and float(size) < 500 for size, unit in sent), sent
    files = docker("run", "--rm", "--user=0", image, "python", "-c", TREE)
    assert "site-packages/my_service/__main__.py" in files
    assert not any(word in files for word in ("/.env", "/reports/", "/a.pyc"))

    head = project.must("git", "rev-parse", "HEAD").strip()
    said = config(image)
    assert said["Labels"][f"{OCI}.revision"] == head
    assert said["Labels"][f"{OCI}.version"] == f"0.0.0+{head[:7]}"
    assert said["Labels"][f"{OCI}.title"] == name
    assert said["User"] == "10001:10001"
    script = "import os, shutil; print(os.getuid(), shutil.which('pip'), shutil.which('uv'))"
    seen = docker("run", "--rm", *HARDENED, image, "python", "-c", script)
    assert seen == "10001 None None"
    assert "No module named pip" in docker(
        *("run", "--rm", *HARDENED, image, "sh", "-c", "python -m pip 2>&1; true")
    )

    lock = (project.path / "uv.lock").read_text(encoding="utf-8")
    [fastapi] = re.findall(r'name = "fastapi"\nversion = "(.+)"', lock)
    spdx = {
        each["name"]: each["versionInfo"] for each in report(project, "sbom.spdx.json")["packages"]
    }
    cyclone = {
        each["name"]: each.get("version") for each in report(project, "sbom.cdx.json")["components"]
    }
    for listed in (spdx, cyclone):
        assert listed["fastapi"] == fastapi
        assert listed["base-files"]  # of Debian
        assert "pytest" not in listed
    for name_ in ("trivy.sarif", "hadolint.sarif"):
        assert report(project, name_)["runs"]
    tests = ET.parse(project.path / "reports/junit-docker.xml").getroot()[0]
    assert int(tests.attrib["tests"]) >= 7
    assert project.must("git", "status", "--porcelain") == ""

    identity = docker("image", "inspect", "--format={{.Id}}", image)
    project.must("python3", "-m", "pipeline.image", image)
    assert docker("image", "inspect", "--format={{.Id}}", image) == identity


def test_one_commit_gives_one_image_wherever_and_whenever_it_is_built(
    project: Project, name: str
) -> None:
    digests = set()
    for clone in ("first", "second clone"):
        other = Project(project.path.parent / f"{clone} of {name}", project.environment)
        project.must("git", "clone", "--quiet", ".", other.path)
        archive = other.path / "reports.tar"
        output = f"--output=type=oci,rewrite-timestamp=true,dest={archive.name}"
        (other.path / ".git/info/exclude").write_text(archive.name)
        other.must("python3", "-c", BUILD, "--no-cache", output)
        digests.add(digest_of(archive))

    assert len(digests) == 1


def test_labels_are_exact_whatever_the_project_is_called(
    make_project: MakeProject, name: str
) -> None:
    [description] = TEXTS["description"]
    hard = (
        "\"quoted' $HOME ${PATH} $$ {{ 7 * 7 }} {% raw %} \\n `id` 💡 " + description[:60].strip()
    )
    slug = f"{name}-x"
    project = make_project(
        project_name=TEXTS["project_name"][0],
        description=hard,
        author_name=TEXTS["author_name"][0],
        repository_owner=TEXTS["repository_owner"][0],
        project_slug=slug,
        license="Proprietary",
    )
    image = f"{slug}:{folder_of(project.path)}"
    try:
        project.must("python3", "-m", "pipeline.image", image, UV_SYSTEM_CERTS="1")
        labels = config(image)["Labels"]
        begun = project.must("git", "log", "-1", "--format=%H").strip()
        assert {key.removeprefix(f"{OCI}."): value for key, value in labels.items()} == {
            "created": labels[f"{OCI}.created"],
            "description": hard,
            "licenses": "LicenseRef-Proprietary",
            "revision": begun,
            "source": f"https://github.com/A-1/{slug}",
            "title": slug,
            "version": f"0.0.0+{begun[:7]}",
        }

        project.must("git", "tag", "v0.0.0")
        project.must("python3", "-m", "pipeline.image", image, UV_SYSTEM_CERTS="1")
        assert config(image)["Labels"][f"{OCI}.version"] == "0.0.0"

        project.write("README.md", "changed\n")
        project.must("python3", "-m", "pipeline.image", image, UV_SYSTEM_CERTS="1")
        assert config(image)["Labels"][f"{OCI}.revision"] == f"{begun}-dirty"
        assert config(image)["Labels"][f"{OCI}.version"] == f"0.0.0+{begun[:7]}.dirty"
    finally:
        docker("image", "rm", "--force", image)
