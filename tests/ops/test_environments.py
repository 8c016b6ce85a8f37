"""deploy/environments.toml: whatever is wrong in it is told at once, by table and key."""

from pathlib import Path

import pytest
from ops.model import WHOLE, Kind, read_environments
from pipeline.shell import FailedError

from tests.conftest import Render

COMPOSE = '[staging]\ntarget = "compose"\n'
KUBERNETES = (
    '[staging]\ntarget = "kubernetes"\nkubernetes = {{ context = "a", namespace = "b"{} }}\n'
)
WRONG = {
    "[staging]\nreplicas = 2\n": ["staging.target is missing"],
    '[staging]\ntarget = "nomad"\n': [
        "staging.target must be 'kubernetes' or 'compose' (got 'nomad')"
    ],
    f"{COMPOSE}replicas = 0\n": ["staging.replicas must be at least 1 (got 0)"],
    f"{COMPOSE}replicas = 1001\n": ["staging.replicas must be at most 1000 (got 1001)"],
    f'{COMPOSE}replicas = "two"\n': [
        "staging.replicas must be a whole number, at least 1, at most 1000 (got 'two')"
    ],
    f"{COMPOSE}replica = 2\n": [
        "staging.replica is no key that is known here: did you mean replicas?"
    ],
    f'{COMPOSE}name = "x"\n': ["staging.name is no key that is known here"],
    f'{COMPOSE}confirm = "yes"\n': ["staging.confirm must be true or false (got 'yes')"],
    f'{COMPOSE}url = "staging.example.org"\n': [
        (
            "staging.url must be a URL like https://service.example.org, without a slash at its "
            "end (got 'staging.example.org')"
        )
    ],
    f"{COMPOSE}deadline = 0\n": [
        "staging.deadline must be a number of seconds, more than 0, at most 86400 (got 0)"
    ],
    f"{COMPOSE}watch = {{ error_rate = 2, secs = 1 }}\n": [
        "staging.watch.error_rate must be at most 1 (got 2)",
        "staging.watch.secs is no key that is known here: did you mean seconds?",
    ],
    f"{COMPOSE}smoke = []\n": ['staging.smoke must hold at least one, like [{ path = "/readyz" }]'],
    f'{COMPOSE}smoke = [{{ path = "readyz" }}, {{ path = "/x", method = "PUT" }}]\n': [
        "staging.smoke[0].path must be a path like /readyz (got 'readyz')",
        "staging.smoke[1].method must be 'GET', 'HEAD' or 'POST' (got 'PUT')",
    ],
    f"{COMPOSE}canary = [50, 10]\n": ["staging.canary must go up from stop to stop"],
    f"{COMPOSE}canary = [10, 100]\n": ["staging.canary[1] must be at most 99 (got 100)"],
    KUBERNETES.format("") + "canary = [10, 75]\n": [
        (
            "staging.canary must stay at 50 or below: there it is a ratio of replicas, beside all "
            "the old ones"
        )
    ],
    '[staging]\ntarget = "kubernetes"\n': [
        "staging.kubernetes is missing: write a table with its context and namespace"
    ],
    KUBERNETES.replace("kubernetes", "compose", 1).format(""): [
        "staging.kubernetes is there, but target is compose: delete one of them"
    ],
    KUBERNETES.format("").replace('"b"', '"B_"'): [
        (
            "staging.kubernetes.namespace must be a name of lower-case letters, digits and dashes "
            "(got 'B_')"
        )
    ],
    f'{COMPOSE}compose = {{ host = "deploy@host" }}\n': [
        (
            "staging.compose.host must be like ssh://deploy@host.example, or empty for this "
            "machine (got 'deploy@host')"
        )
    ],
    f'{COMPOSE}compose = {{ publish = "localhost:8080" }}\n': [
        (
            "staging.compose.publish must be an address and port, like 127.0.0.1:8080 "
            "(got 'localhost:8080')"
        )
    ],
    f'{COMPOSE}compose = {{ publish = "[::1]:65536" }}\n': [
        (
            "staging.compose.publish must be an address and port, like 127.0.0.1:8080 "
            "(got '[::1]:65536')"
        )
    ],
    KUBERNETES.format("") + KUBERNETES.format("").replace("staging", "production"): [
        (
            "production is at the same place as staging: each would take what the other deployed "
            "for its own"
        )
    ],
    f'{COMPOSE}compose = {{ secrets = ".env" }}\n': [
        "staging.compose.secrets must be an absolute path on the host, like /srv/notes (got '.env')"
    ],
    COMPOSE.replace("staging", "local"): ["local is what `inv up` starts: call it something else"],
    "staging = 1\n": ["staging must be a table, called like `staging`"],
    f"{COMPOSE}replicas = 0\n[production]\ntarget = 1\n": [
        "staging.replicas must be at least 1 (got 0)",
        "production.target must be 'kubernetes' or 'compose' (got 1)",
    ],
    "": ["there is no environment in it: write a table like [staging]"],
    "[staging\n": [
        "it is not TOML: Expected ']' at the end of a table declaration (at line 1, column 9)"
    ],
}


@pytest.mark.parametrize(("text", "sentences"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_wrong_is_told_with_file_table_and_key(
    tmp_path: Path, text: str, sentences: list[str]
) -> None:
    path = tmp_path / "environments.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FailedError) as refusal:
        read_environments(path)
    assert str(refusal.value).splitlines() == [f"{path}: {sentence}" for sentence in sentences]


def test_a_folder_without_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="there is no such file: run this in the project's own"):
        read_environments(tmp_path / "environments.toml")


@pytest.mark.parametrize("deploy", ["[kubernetes]", "[compose]", "[kubernetes, compose]"])
@pytest.mark.parametrize("kind", ["api", "mcp"])
def test_what_is_generated_is_right(render: Render, deploy: str, kind: str) -> None:
    found = read_environments(render(deploy=deploy, kind=kind) / "deploy/environments.toml")
    assert list(found) == ["development", "staging", "production"]
    assert found["production"].confirm
    assert not found["staging"].confirm
    assert {each.target for each in found.values()} == set(deploy.strip("[]").split(", "))


def test_the_stops_of_a_deployment(tmp_path: Path) -> None:
    path = tmp_path / "environments.toml"
    for strategy, shares in {
        "rolling": (0, WHOLE),
        "blue-green": (0, WHOLE),
        "canary": (0, 5, 25, WHOLE),
    }.items():
        path.write_text(f'{COMPOSE}strategy = "{strategy}"\ncanary = [5, 25]\n', encoding="utf-8")
        plan = read_environments(path)["staging"].plan()
        assert plan.kind is Kind(strategy)
        assert plan.shares == shares
