"""A project at a code host, from where its releases and their images go."""

from dataclasses import dataclass

from tests.github import CodeHost
from tests.images.publisher import Publisher
from tests.parity.act import Act, Run
from tests.releases.releaser import Releaser


@dataclass(frozen=True)
class Shipping:
    """A project whose workflows may push commits, releases and images: a runner, and where to."""

    publisher: Publisher
    releaser: Releaser
    act: Act
    environment: dict[str, str]
    """What the sessions need here."""

    def run(self, event: str, workflow: str, *options: str) -> Run:
        """Run a workflow with the secrets and variables that a project has on the code host."""
        host, key = self.releaser.host, self.publisher.key
        secrets = {
            "COSIGN_PASSWORD": key.password,
            "COSIGN_PRIVATE_KEY": key.private.read_text(encoding="utf-8"),
            "REGISTRY_PASSWORD": "secret-of-the-robot",
        }
        return self.act.run(
            self.publisher.project,
            event,
            workflow,
            *(f"--secret={name}={value}" for name, value in secrets.items()),
            *(f"--var=REGISTRY={self.publisher.gate.address}", "--var=REGISTRY_USERNAME=robot"),
            *hosted(host),
            *options,
            **self.environment,
        )


def hosted(host: CodeHost) -> tuple[str, ...]:
    """Return what tells act which code host its runs are at."""
    return (
        f"--env=GITHUB_API_URL={host.url}",
        f"--env=GITHUB_REPOSITORY={host.repository}",
        f"--secret=GITHUB_TOKEN={host.token}",
    )
