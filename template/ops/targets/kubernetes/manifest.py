"""A release's manifest: which objects are in it, and what they are once it has its slot."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ops.model import Release

Object = dict[str, Any]
REFERENCES = {
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
    "secret": "Secret",
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "configMap": "ConfigMap",
}
"""What a pod calls what it takes settings from: in envFrom, in env, and in volumes."""


def parsed(manifest: str) -> list[Object]:
    """Return the objects of a manifest."""
    return [each for each in yaml.safe_load_all(manifest) if each]


def listed(objects: Sequence[Object]) -> str:
    """Return objects as one text that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def pick(objects: Sequence[Object], kind: str, name: str) -> Object:
    """Return the object of a kind and name, which has to be there."""
    return next(each for each in objects if identity(each) == (kind, name))


def referred(objects: Sequence[Object]) -> set[tuple[str, str]]:
    """Return kind and name of what pods cannot start without, and the manifest does not make."""
    needed = set()

    def look(found: Any) -> None:
        if isinstance(found, list):
            for each in found:
                look(each)
        elif isinstance(found, dict):
            for key, value in found.items():
                if key in REFERENCES and isinstance(value, dict) and not value.get("optional"):
                    name = value.get("name") or value.get("secretName")
                    needed.add((REFERENCES[key], str(name)))
                look(value)

    for each in objects:
        if each["kind"] == "Deployment":
            pod = each["spec"]["template"]["spec"]
            look([pod.get(part) for part in ("initContainers", "containers", "volumes")])
    return needed - {identity(each) for each in objects}


def identity(found: Object) -> tuple[str, str]:
    """Return the kind and the name of an object."""
    return found["kind"], found["metadata"]["name"]


def in_slot(
    release: Release, name: str, slot: str, replicas: int, patience: float
) -> tuple[list[Object], Object]:
    """Return what a release is in a slot, its Deployment last, and beside it the Service.

    Args:
        release: its manifest is as it was recorded, and knows of no slot.
        name: of its Deployment and Service: the project's.
        slot: which one; the name of its Deployment ends so.
        replicas: how many instances the slot is to have.
        patience: seconds after which Kubernetes is to say that it has got nowhere, and why.
    """
    objects = parsed(release.manifest)
    service, deployment = (pick(objects, kind, name) for kind in ("Service", "Deployment"))
    spec, marks = deployment["spec"], {"slot": slot, "release": str(release.number)}
    for metadata in (deployment["metadata"], spec["template"]["metadata"]):
        metadata["labels"] = {**metadata.get("labels", {}), **marks}
    deployment["metadata"]["name"] = f"{name}-{slot}"
    spec["selector"]["matchLabels"]["slot"] = slot
    spec["replicas"] = replicas
    spec["progressDeadlineSeconds"] = max(spec.get("minReadySeconds", 0) + 1, int(patience))
    shared = [each for each in objects if each is not service and each is not deployment]
    return [*shared, deployment], service


def task(template: Object, name: str, labels: Mapping[str, str], command: Sequence[str]) -> Object:
    """Return a pod that runs a command once, where a template's pods serve."""
    spec = {**template["spec"], "restartPolicy": "Never"}
    spec.pop("topologySpreadConstraints", None)
    serving = ("ports", "startupProbe", "readinessProbe", "livenessProbe")
    spec["containers"] = [
        {key: value for key, value in container.items() if key not in serving}
        | {"command": list(command)}
        for container in spec["containers"]
        if container["name"] == "app"
    ]
    metadata = {"name": name, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
