"""A built image as files, for every platform, to be pushed by its digest."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.image import build
from pipeline.shell import FailedError, read, run, tool


@dataclass(frozen=True)
class Layout:
    """A folder as https://github.com/opencontainers/image-spec/blob/main/image-layout.md has it."""

    folder: Path

    @property
    def digest(self) -> str:
        """The digest of the whole, every platform included."""
        return str(self.index()["manifests"][0]["digest"])

    def index(self) -> dict[str, Any]:
        """Return what the folder holds."""
        return dict(json.loads((self.folder / "index.json").read_text(encoding="utf-8")))

    def blob(self, digest: str) -> dict[str, Any]:
        """Return a document of the image."""
        path = self.folder / "blobs" / digest.replace(":", "/")
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def platforms(self) -> dict[str, tuple[str, int]]:
        """Return each platform's digest, and what it weighs to pull, in bytes."""
        whole = self.blob(self.digest)
        found = {}
        for digest in [entry["digest"] for entry in whole.get("manifests", [])] or [self.digest]:
            manifest = self.blob(digest)
            config = self.blob(manifest["config"]["digest"])
            weight = sum(part["size"] for part in [manifest["config"], *manifest["layers"]])
            parts = (config["os"], config["architecture"], config.get("variant"))
            found["/".join(filter(None, parts))] = (digest, weight)
        return found

    def push(self, name: str) -> None:
        """Push every part of it, and then the whole by its digest, without a tag.

        Raises:
            FailedError: the registry does not take it.
        """
        index = self.index()
        [entry] = index["manifests"]
        # By this mark `cosign load` tells an image from the signatures that it may lie among.
        kind = "imageIndex" if "manifests" in self.blob(self.digest) else "image"
        entry.setdefault("annotations", {})["kind"] = f"dev.cosignproject.cosign/{kind}"
        (self.folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
        try:
            run(*tool("cosign"), "load", f"--dir={self.folder}", f"{name}@{self.digest}")
        except FailedError as error:
            host = name.partition("/")[0]
            msg = f"{error}. Is it about credentials? docker login {host}, and run this again"
            raise FailedError(msg) from None


@contextmanager
def built_layout(platforms: list[str]) -> Iterator[tuple[Layout, str]]:
    """Build the commit for these platforms; give the image, and the builder's name for the build.

    What git ignores lies in the tree and not in the commit, so the commit is built from a copy.
    There is no cache but the builder's own: whoever may push to a registry could put layers there.
    """
    folder = Path("reports/image")  # within the project, where tools in containers see it
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    archive, told, commit = folder / "image.tar", folder / "build.json", folder / "commit.tar"
    try:
        read("git", "-c", "tar.umask=022", "archive", f"--output={commit}", "HEAD")
        unpack(commit, folder / "commit")
        build(
            f"--platform={','.join(platforms)}",
            f"--output=type=oci,dest={archive},rewrite-timestamp=true",
            f"--metadata-file={told}",
            context=str(folder / "commit"),
        )
        unpack(archive, folder / "layout")
        build_ref = json.loads(told.read_text(encoding="utf-8"))["buildx.build.ref"]
        yield Layout(folder / "layout"), build_ref.rpartition("/")[2]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive into a new folder."""
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
