"""Sign an image by its digest, attest where it comes from, and check both before it is used.

With a key, nothing leaves for a public log. Without one, the identity of the workflow signs: a
certificate of some minutes, kept for ever in sigstore's log.

`python -m pipeline.signature IMAGE [KEY]` checks.
"""

import base64
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.image import project
from pipeline.shell import FailedError, read, run, tool

ISSUER = "https://token.actions.githubusercontent.com"
PROVENANCE = "slsaprovenance1"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
# Both are empty: no log, no time stamps, no certificates.
WITHOUT_LOG = (
    "--signing-config=pipeline/cosign/signing-config.json",
    "--trusted-root=pipeline/cosign/root.json",
)
PUBLIC_KEY = Path("cosign.pub")


@dataclass(frozen=True)
class Signer:
    """Who signs: the holder of a key, or the workflow that runs."""

    key: str
    """A file, or what cosign knows a key by, like `awskms:///alias/release`; empty for none."""

    @classmethod
    def find(cls) -> "Signer":
        """Return who can sign here.

        Raises:
            FailedError: nobody can, or not the one whose signature the project trusts.
        """
        key = os.environ.get("COSIGN_KEY", "")
        if not key and "ACTIONS_ID_TOKEN_REQUEST_URL" not in os.environ:
            msg = "nobody can sign here: set COSIGN_KEY to a key of `cosign generate-key-pair`"
        elif not key and PUBLIC_KEY.exists():
            msg = f"{PUBLIC_KEY} says that a key signs: set COSIGN_KEY, or delete {PUBLIC_KEY}"
        elif key and "COSIGN_PASSWORD" not in os.environ:
            msg = "COSIGN_PASSWORD is not set: set it to the password of COSIGN_KEY, empty for none"
        else:
            return cls(key)
        raise FailedError(msg)

    def public_key(self) -> str:
        """Return the public half of the key.

        Raises:
            FailedError: the key cannot be used, or it is not the one of `cosign.pub`.
        """
        public = read(*tool("cosign"), "public-key", f"--key={self.key}")
        if PUBLIC_KEY.exists() and PUBLIC_KEY.read_text(encoding="utf-8").strip() != public:
            msg = f"COSIGN_KEY is not the key of {PUBLIC_KEY}: nobody would trust what it signs"
            raise FailedError(msg)
        return public

    def options(self) -> list[str]:
        """Return what tells cosign so."""
        return ["--yes", *([f"--key={self.key}", *WITHOUT_LOG] if self.key else [])]


@dataclass(frozen=True)
class Verifier:
    """Whose signature counts: that of a public key, or of workflows."""

    key: str
    workflow: str
    """A regular expression for the workflow's identity, where there is no key."""

    @classmethod
    def of_workflow(cls, refs: str) -> "Verifier":
        """Return the one for publish.yml of this project, run for refs like this expression."""
        source = re.escape(project()["project"]["urls"]["Repository"])
        return cls("", rf"^{source}/\.github/workflows/publish\.yml@{refs}$")

    @classmethod
    def find(cls, key: str | None = None) -> "Verifier":
        """Return whose signature counts: that of `cosign.pub`, or of publish.yml.

        What it built for a pull request may be tried, and is not for anybody's production.
        """
        if key or PUBLIC_KEY.exists():
            return cls(key or str(PUBLIC_KEY), "")
        return cls.of_workflow("refs/(heads|tags)/.+")

    def options(self) -> list[str]:
        """Return what tells cosign so."""
        if self.key:
            return [f"--key={self.key}", "--insecure-ignore-tlog"]
        return [
            f"--certificate-oidc-issuer={ISSUER}",
            f"--certificate-identity-regexp={self.workflow}",
        ]

    def __str__(self) -> str:
        """Say who it is."""
        return f"the key {self.key}" if self.key else "publish.yml of this project"


def sign(image: str, signer: Signer) -> None:
    """Sign an image, named by its digest."""
    run(*tool("cosign"), "sign", *signer.options(), image)


def attest(image: str, kind: str, predicate: Path, signer: Signer) -> None:
    """Attach a signed statement about an image: an SBOM, or its provenance."""
    given = (f"--type={kind}", f"--predicate={predicate}")
    run(*tool("cosign"), "attest", *given, *signer.options(), image)


def pinned(image: str) -> str:
    """Return an image's name with the digest that its tag stands for now.

    Raises:
        FailedError: there is no such image.
    """
    if "@sha256:" in image:
        return image
    command = ("docker", "buildx", "imagetools", "inspect", "--format={{json .Manifest}}", image)
    return f"{re.sub(r':[^/:]+$', '', image)}@{json.loads(read(*command))['digest']}"


def verify(image: str, verifier: Verifier) -> list[dict[str, Any]]:
    """Return the provenance of an image, named by its digest: SLSA v1 predicates.

    There is one for each ref that its commit was published from, like a branch and a release.

    Raises:
        FailedError: the signature or the provenance is missing, or not by the right one.
    """
    cosign = tool("cosign")
    try:
        signed = json.loads(read(*cosign, "verify", *verifier.options(), image))
        options = (f"--type={PROVENANCE}", *verifier.options())
        statements = read(*cosign, "verify-attestation", *options, image).splitlines()
    except FailedError as error:
        msg = f"{image} is not signed by {verifier}: do not use it ({error})"
        raise FailedError(msg) from None
    if SIGNATURE not in {claim["critical"]["type"] for claim in signed}:
        # An image with nothing but an SBOM of the same signer has got so far, too.
        msg = f"{image} has statements by {verifier}, and no signature: do not use it"
        raise FailedError(msg)
    payloads = [base64.b64decode(json.loads(statement)["payload"]) for statement in statements]
    return [json.loads(payload)["predicate"] for payload in payloads]


def main(image: str, key: str | None = None) -> None:
    """Print who signed an image and where it comes from; leave with status 1 if that is wrong."""
    try:
        exact = pinned(image)
        verifier = Verifier.find(key)
        told = [origin_of(exact, predicate) for predicate in verify(exact, verifier)]
    except FailedError as error:
        sys.exit(f"verify: {error}")
    print(f"{exact}\nsigned by   {verifier}")
    print("\n".join(sorted(set(told))))


def origin_of(image: str, provenance: dict[str, Any]) -> str:
    """Return lines that say what an image was built from, and by whom.

    Raises:
        FailedError: it was not built from this project.
    """
    began_with = provenance["buildDefinition"].get("resolvedDependencies", [])
    origin = next((each for each in began_with if "gitCommit" in each["digest"]), None)
    expected = f"git+{project()['project']['urls']['Repository']}"
    if origin is None or origin["uri"].partition("@")[0] != expected:
        told = origin["uri"] if origin else "what its provenance does not tell"
        msg = f"{image} was built from {told}, not from {expected}: do not use it"
        raise FailedError(msg)
    return (
        f"built from  {origin['uri'].rstrip('@')}, commit {origin['digest']['gitCommit']}\n"
        f"built by    {provenance['runDetails']['builder']['id']}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
