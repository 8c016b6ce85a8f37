"""A person who publishes: a project, a registry behind a gate, and a key to sign with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.project import Done, Project
from tests.registry import Gate, tags

BOTH = '["linux/amd64", "linux/arm64"]'
ONE = '["linux/amd64"]'  # where the processor is beside the point: an emulated one takes a minute


@dataclass(frozen=True)
class Key:
    """A pair of keys, and the password of the private one."""

    private: Path
    public: Path
    password: str = "correct horse"

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make a pair in a folder, as a person does."""
        key = cls(folder / "cosign.key", folder / "cosign.pub")
        command = ("cosign", "generate-key-pair")
        Project(folder).must(*command, COSIGN_PASSWORD=key.password)
        return key


@dataclass(frozen=True)
class Publisher:
    """A project whose image goes to a registry, through a gate, and a person who may sign."""

    project: Project
    gate: Gate
    image: str
    """Its name at the gate."""
    stored: str
    """Its name in the registry itself."""
    key: Key

    @property
    def signing(self) -> dict[str, str]:
        """What tells the session who signs."""
        return {"COSIGN_KEY": str(self.key.private), "COSIGN_PASSWORD": self.key.password}

    def publish(self, *arguments: str, **variables: str) -> Done:
        """Run the session."""
        chosen = {**self.signing, **variables}
        return self.project.nox("-s", "publish", "--", *arguments, UV_SYSTEM_CERTS="1", **chosen)

    def must_publish(self, *arguments: str, **variables: str) -> dict[str, Any]:
        """Run the session, which has to succeed; return its reports/image.json."""
        done = self.publish(*arguments, **variables)
        assert done.status == 0, done.out
        report = (self.project.path / "reports/image.json").read_text(encoding="utf-8")
        return dict(json.loads(report))

    def verify(self, reference: str, *arguments: str, **variables: str) -> Done:
        """Check an image as a person would before using it."""
        command = ("uv", "run", "inv", "verify", self.image + reference, *arguments)
        return self.project.run(*command, **variables)

    def release(self, version: str) -> str:
        """Commit and tag a release; return its tag."""
        manifest = self.project.path / "pyproject.toml"
        text = manifest.read_text(encoding="utf-8")
        [old] = [line for line in text.splitlines() if line.startswith("version = ")]
        manifest.write_text(text.replace(old, f'version = "{version}"'), encoding="utf-8")
        self.project.must("uv", "lock", "--quiet")
        self.project.commit(f"chore: release {version}")
        self.project.must("git", "tag", f"v{version}")
        return f"refs/tags/v{version}"

    def pushed(self) -> list[str]:
        """Return what was written to the registry, as method and path."""
        writing = {"PUT", "POST", "PATCH"}
        return [f"{r.method} {r.path}" for r in self.gate.requests if r.method in writing]

    def tags(self) -> set[str]:
        """Return the image's tags, without those that cosign keeps for itself."""
        return {tag for tag in tags(self.stored) if not tag.startswith("sha256-")}
