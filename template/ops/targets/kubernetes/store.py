"""Documents in ConfigMaps, one each, beside the service."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.shell import Shell
from ops.targets import ConflictError, Document
from pipeline.shell import FailedError

REVISION = "--output=jsonpath={.metadata.resourceVersion}"
AS_IT_IS = "--validate=false"  # to fetch a schema for what is always the same takes longer than it


@dataclass(frozen=True)
class Store:
    """What `ops.targets.Store` asks for; the API server compares the revisions."""

    prefix: str
    """What the names of the ConfigMaps begin with."""
    labels: Mapping[str, str]
    namespace: str
    kubectl: tuple[str, ...]
    shell: Shell

    def read(self, name: str) -> Document | None:
        """Return a document; none if there is none."""
        ask = ("get", "configmap", self.prefix + name, "--ignore-not-found", "--output=json")
        found = self.shell.read(*self.kubectl, *ask)
        return _document(json.loads(found)) if found else None

    def read_all(self, prefix: str) -> Mapping[str, Document]:
        """Return the documents whose names begin so, by name, in the order of their names."""
        selector = ",".join(f"{label}={value}" for label, value in self.labels.items())
        ask = ("get", "configmaps", f"--selector={selector}", "--output=json")
        items = json.loads(self.shell.read(*self.kubectl, *ask))["items"]
        found = {each["metadata"]["name"].removeprefix(self.prefix): each for each in items}
        return {name: _document(found[name]) for name in sorted(found) if name.startswith(prefix)}

    def write(self, name: str, text: str, revision: str | None) -> str:
        """Write a document in place of that revision, none for a new one; return its revision."""
        metadata = {"name": self.prefix + name, "labels": self.labels}
        if revision is not None:
            metadata["resourceVersion"] = revision
        document = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": text}}
        verb = "create" if revision is None else "replace"
        return self._change(name, {**document, "metadata": metadata}, verb, AS_IT_IS, REVISION)

    def delete(self, name: str, revision: str) -> None:
        """Delete a document of that revision."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{self.prefix}{name}"
        options = {"apiVersion": "v1", "kind": "DeleteOptions"}
        condition = {"preconditions": {"resourceVersion": revision}}
        self._change(name, options | condition, "delete", f"--raw={path}")

    def _change(self, name: str, body: Mapping[str, Any], *command: str) -> str:
        try:
            text = json.dumps(body)
            return self.shell.change(*self.kubectl, *command, "--filename=-", stdin=text)
        except FailedError as error:
            if re.search(r"\((AlreadyExists|Conflict)\)|\(NotFound\): .*configmaps", error.said):
                raise ConflictError(name) from None
            raise


def _document(found: Mapping[str, Any]) -> Document:
    return Document(found["data"]["text"], found["metadata"]["resourceVersion"])
