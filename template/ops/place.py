"""An environment to work on: what it is, where it is, and what was deployed there."""

from dataclasses import dataclass
from importlib import import_module

from ops import credentials
from ops.ledger import Ledger
from ops.model import Environment, read_environments
from ops.shell import Shell
from ops.targets import Target
from pipeline.shell import FailedError


@dataclass(frozen=True)
class Place:
    """An environment, with its target and its ledger."""

    environment: Environment
    target: Target
    ledger: Ledger

    @property
    def name(self) -> str:
        """What it is called."""
        return self.environment.name

    @classmethod
    def open(cls, name: str, *, dry_run: bool = False) -> "Place":
        """Return an environment by its name.

        Raises:
            FailedError: deploy/environments.toml is wrong anywhere, or has no such environment.
        """
        environments = read_environments()
        if name not in environments:
            msg = f"there is no environment {name}: {', '.join(environments)}"
            raise FailedError(msg)
        environment = environments[name]
        try:
            target = import_module(f"ops.targets.{environment.target}")
        except ModuleNotFoundError:
            msg = (
                f"{name} is on {environment.target}, which this project was not made for: "
                "add it to the answer `deploy` with `copier update`"
            )
            raise FailedError(msg) from None
        connected: Target = target.connect(environment, Shell(dry_run, credentials.found()))
        return cls(environment, connected, Ledger(connected.store))
