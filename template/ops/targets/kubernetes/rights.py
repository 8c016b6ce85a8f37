"""Whether this person may do in a namespace what a deployment does there."""

from collections.abc import Sequence

import yaml

from ops.shell import Shell

NEEDED = {
    "deployments.apps": "get list create patch delete",
    "services": "get list create patch delete",
    "configmaps": "get list create patch update delete",
    "serviceaccounts": "get create patch delete",
    "networkpolicies.networking.k8s.io": "get create patch delete",
    "poddisruptionbudgets.policy": "get create patch delete",
    "pods": "get list create delete",
    "pods/log": "get",
    "pods/portforward": "create",
    "events": "list",
}


def denied(shell: Shell, kubectl: Sequence[str], namespace: str) -> Sequence[str]:
    """Return what this person may not do, like `create pods`."""
    asked = [(resource, verb) for resource, verbs in NEEDED.items() for verb in verbs.split()]
    reviews = []
    for resource, verb in asked:  # what `kubectl auth can-i` asks, but all at once
        full, _, part = resource.partition("/")
        name, _, group = full.partition(".")
        attributes = {"group": group, "resource": name, "subresource": part, "verb": verb}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        spec = {"resourceAttributes": {**attributes, "namespace": namespace}}
        reviews.append({**review, "spec": spec})
    command = ("create", "--filename=-", "--validate=false")
    answers = shell.read(
        *(*kubectl, *command, "--output=jsonpath={.status.allowed} "),
        stdin=yaml.safe_dump_all(reviews),
    ).split()
    return [
        f"{verb} {resource}"
        for (resource, verb), answer in zip(asked, answers, strict=True)
        if answer != "true"
    ]
