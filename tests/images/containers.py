"""What the engine has of one project: asked, and taken away."""

import json
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Any


def docker(*arguments: str | Path) -> str:
    """Return what a command of the engine prints; it has to succeed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(map(str, arguments))}\n{done.stderr}"
    return done.stdout.strip()


def config(image: str) -> dict[str, Any]:
    """Return what an image says of itself."""
    return dict(json.loads(docker("image", "inspect", "--format={{json .Config}}", image)))


def folder_of(path: Path) -> str:
    """Return how a project in a folder calls its images and systems there."""
    return f"{zlib.crc32(str(path).encode()):08x}"


OF = '{{.Label "com.docker.compose.project"}}'


def left_of(name: str) -> list[str]:
    """Return what the engine has of the composed systems whose names begin so."""
    asked = [
        ("ps", "--all", "--format={{.Names}} " + OF),
        ("network", "ls", "--format={{.Name}} " + OF),
        ("volume", "ls", "--format={{.Name}} " + OF),
    ]
    lines = [line.split() for ask in asked for line in docker(*ask).splitlines()]
    return [line[0] for line in lines if len(line) > 1 and line[1].startswith(name)]


def take_away(name: str) -> None:
    """Remove what the engine has of these systems, and the containers of their images."""
    ask = ("ps", "--all", "--format={{.Names}}")
    found = {*docker(*ask).split()} & {*left_of(name)}
    for image in images_of(name):
        found |= {*docker(*ask, f"--filter=ancestor={image}").split()}
    if found:
        docker("rm", "--force", "--volumes", *found)
    for kind in ("network", "volume"):
        names = {*docker(kind, "ls", "--format={{.Name}}").split()}
        for each in names & {*left_of(name)}:
            docker(kind, "rm", each)


def images_of(name: str) -> set[str]:
    """Return the images that a project of that name built, older ones included."""
    ask = ("image", "ls", "--no-trunc")
    labelled = docker(*ask, "--quiet", f"--filter=label=org.opencontainers.image.title={name}")
    lines = docker(*ask, "--format={{.ID}} {{.Repository}}").splitlines()
    composed = [line.split()[0] for line in lines if line.split()[1].startswith(name)]
    return {*labelled.split(), *composed}


def forget(repository: str) -> None:
    """Remove every name in a repository from the engine; what has other names, too, stays."""
    ask = ("image", "ls", "--digests", f"--filter=reference={repository}")
    names = docker(*ask, "--format={{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}").split()
    if there := [name for name in names if "<none>" not in name]:
        docker("image", "rm", "--force", *there)


def digest_of(archive: Path) -> str:
    """Return the digest of the image in an archive that a build wrote as `type=oci`."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index
        return str(json.load(index)["manifests"][0]["digest"])
