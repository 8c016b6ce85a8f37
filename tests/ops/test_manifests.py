"""The manifests are what today's clusters take, and let a service do no more than it must."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Render
from tests.needed import need_program

pytestmark = pytest.mark.e2e

PLACES = ["development", "staging", "production"]
PRESETS = ["api", "api-postgres", "api-postgres-redis", "mcp", "mcp-postgres"]
ACCEPTED = {
    "KSV-0110": "a deployment says the namespace: the one of environments.toml",
    "KSV-0125": "it knows a few registries; which is trusted, the answer `registry` says",
}
SECRETS = {"api": True, "api-postgres": False, "mcp": False}


def built(project: Path, place: str) -> list[dict[str, Any]]:
    """Return the objects of an overlay."""
    need_program("kubectl")
    command = ["kubectl", "kustomize", f"deploy/kubernetes/overlays/{place}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def refusal(document: dict[str, Any]) -> str:
    """Return what Kubernetes' own schema has against an object; nothing if it fits."""
    # Seconds of grammars, which no other test has to wait for.
    from kubernetes_validate import (  # type: ignore[import-untyped]  # noqa: PLC0415
        ValidationError,
        validate,
    )

    try:
        validate(document, "1.37", strict=True)
    except ValidationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("place", PLACES)
def test_every_object_is_one_that_the_newest_kubernetes_knows(
    render: Render, preset: str, place: str
) -> None:
    objects = built(render(preset=preset, deploy="[kubernetes]"), place)
    kinds = [each["kind"] for each in objects]
    assert sorted(kinds) == [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]
    for each in objects:
        assert refusal(each) == ""
        assert "namespace" not in each["metadata"]
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "my-service"


def test_what_is_misspelt_is_not_taken(render: Render) -> None:
    [deployment] = [
        each
        for each in built(render(deploy="[kubernetes]"), "staging")
        if each["kind"] == "Deployment"
    ]
    deployment["spec"]["minReadySecond"] = 2
    assert "minReadySecond" in refusal(deployment)


@pytest.mark.parametrize(("preset", "is_optional"), SECRETS.items())
def test_what_cannot_start_without_a_secret_says_so(
    render: Render, preset: str, is_optional: bool
) -> None:
    objects = built(render(preset=preset, deploy="[kubernetes]"), "production")
    [pod] = [each["spec"]["template"] for each in objects if each["kind"] == "Deployment"]
    _, secret = pod["spec"]["containers"][0]["envFrom"]
    assert secret["secretRef"].get("optional", False) is is_optional


def test_a_pod_has_time_to_drain(render: Render) -> None:
    objects = built(render(deploy="[kubernetes]"), "production")
    [settings] = [each["data"] for each in objects if each["kind"] == "ConfigMap"]
    [pod] = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"]
    grace = 20  # the service's own default of APP_SHUTDOWN_GRACE
    assert pod["terminationGracePeriodSeconds"] > int(settings["APP_SHUTDOWN_DELAY"]) + grace


@pytest.mark.parametrize("preset", ["api", "mcp-postgres"])
def test_trivy_finds_nothing_that_is_not_accepted_with_a_reason(
    render: Render, tmp_path: Path, preset: str
) -> None:
    need_program("trivy")
    project = render(preset=preset, deploy="[kubernetes]")
    manifest = tmp_path / "manifests" / "production.yaml"
    manifest.parent.mkdir()
    objects = built(project, "production")

    def found() -> set[str]:
        manifest.write_text(yaml.safe_dump_all(objects))
        severities = "--severity=UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL"
        # Beside Trivy's `yaml` scanner, which the project has its own checks for, its `kubernetes`
        # one does not look at a manifest.
        options = ["--misconfig-scanners=kubernetes", "--config=trivy.yaml", "--format=json"]
        done = subprocess.run(
            ["trivy", "config", "--quiet", *options, severities, str(manifest.parent)],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
        )
        results = json.loads(done.stdout)["Results"]
        assert [each["Type"] for each in results] == ["kubernetes"]
        return {one["ID"] for each in results for one in each.get("Misconfigurations", ())}

    assert found() == set(ACCEPTED)
    [deployment] = [each for each in objects if each["kind"] == "Deployment"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["securityContext"]["readOnlyRootFilesystem"] = False
    assert found() == {*ACCEPTED, "KSV-0014"}
