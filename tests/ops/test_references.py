"""What a manifest needs of its namespace: found wherever a pod may refer to it."""

from pathlib import Path

import pytest
import yaml
from ops.model import Environment
from ops.shell import Shell
from ops.targets.kubernetes import connect
from ops.targets.kubernetes.manifest import referred
from pipeline.shell import FailedError

from tests.conftest import Render

POD = """
initContainers:
  - name: before
    env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: a}}}]
containers:
  - name: app
    env:
      - {name: secret, value: plain}
      - {name: B, valueFrom: {configMapKeyRef: {name: setting, key: b}}}
      - {name: C, valueFrom: {secretKeyRef: {name: may-lack, key: c, optional: true}}}
    envFrom: [{configMapRef: {name: made-here}}, {secretRef: {name: all}}]
volumes:
  - {name: a, secret: {secretName: mounted}}
  - {name: b, configMap: {name: may-lack, optional: true}}
  - {name: c, projected: {sources: [{secret: {name: projected}}]}}
"""


def test_what_a_pod_cannot_start_without_is_found() -> None:
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": "made-here"}},
        {
            "kind": "Deployment",
            "metadata": {"name": "notes"},
            "spec": {"template": {"spec": yaml.safe_load(POD)}},
        },
    ]
    secrets = {("Secret", name) for name in ("key", "all", "mounted", "projected")}
    assert referred(objects) == {*secrets, ("ConfigMap", "setting")}


def test_an_environment_without_an_overlay_is_told_how_to_make_one(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(render(deploy="[kubernetes]"))
    place = {"context": "a", "namespace": "b"}
    tables = {"name": "canary", "target": "kubernetes", "kubernetes": place}
    with pytest.raises(FailedError) as refusal:
        connect(Environment.model_validate(tables), Shell()).render("image")
    folder = Path("deploy/kubernetes/overlays")
    like = f"copy {folder}/staging, and change what is different there"
    assert str(refusal.value) == f"{folder}/canary is missing: {like}"
