"""The cluster of the tests, and what its environments have of their own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def kubectl(*arguments: str | Path, stdin: str | None = None) -> str:
    """Return what a command prints; it has to succeed."""
    command = ["kubectl", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    return done.stdout.strip()


@contextmanager
def namespace(context: str) -> Iterator[str]:
    """Return a namespace that nobody else has, for as long as the context lasts."""
    name = f"slipway-{uuid4().hex[:8]}"
    kubectl(f"--context={context}", "create", "namespace", name)
    try:
        yield name
    finally:
        own = (f"--context={context}", f"--namespace={name}")
        kubectl(*own, "delete", "deployments", "--all", "--wait=false")
        kubectl(*own, "delete", "pods", "--all", "--grace-period=0", "--force")
        kubectl(*own, "delete", "namespace", name, "--wait=false")


# What runs these tests may be a cluster that is older than the manifests, without policy/v1.
OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
patches:
  - patch: |
      apiVersion: policy/v1
      kind: PodDisruptionBudget
      metadata:
        name: NAME
      $patch: delete
  - target:
      kind: Deployment
    patch: |
      - op: remove
        path: /spec/template/spec/topologySpreadConstraints
"""


def write_overlay(project: Path, name: str, environment: str) -> None:
    """Write what is an environment's own, in the cluster of the tests."""
    folder = project / "deploy/kubernetes/overlays" / environment
    folder.mkdir()
    text = OVERLAY.replace("NAME", name)
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
