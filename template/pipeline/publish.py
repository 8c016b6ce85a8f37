"""Publish the image: build for every platform, push by digest, run, sign, and only then tag.

A run that is cut off leaves no tag, or tags that are right. A second run completes it, for the same
commit gives the same digest.

    python -m pipeline.publish [--ref "refs/tags/v1.2.3 refs/heads/main"]
"""

import argparse
import json
import os
import re
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from pipeline.image import Source, project, source
from pipeline.layout import built_layout
from pipeline.provenance import bases, provenance
from pipeline.shell import FailedError, read, run
from pipeline.signature import PROVENANCE, Signer, Verifier, attest, sign, verify
from pipeline.tags import Ref, floating, released, tags

REPORTS = Path("reports")
QUIET = {"SYFT_CHECK_FOR_APP_UPDATE": "false"}
VERSION = "org.opencontainers.image.version"
READY_SECONDS = 600  # an emulated processor is slow


def current_ref() -> str:
    """Return git's full name of what is checked out, as the code host or git tells it."""
    if ref := os.environ.get("GITHUB_REF"):
        return ref
    here = source().tags
    if versions := released(here):
        newest = versions[max(versions)]
        return f"refs/tags/{newest if newest in here else f'v{newest}'}"
    branch = read("git", "branch", "--show-current")
    return f"refs/heads/{branch}" if branch else ""


def checked(ref: str, built: Source, version: str) -> Ref:
    """Return what is to be published, if that can be told exactly.

    Raises:
        FailedError: it cannot, or it is not what it claims to be.
    """
    try:
        found = Ref.parse(ref, built.commit)
    except ValueError as error:
        raise FailedError(str(error)) from None
    if not built.commit:
        msg = "there is no commit to publish: git init, and commit"
    elif built.dirty:
        msg = "the working tree has changes that no commit holds: commit them, or git stash"
    elif found.kind == "release" and found.name != version:
        msg = f"{ref} is to be published, and pyproject.toml says version {version}: release first"
    elif found.kind == "release" and read("git", "rev-parse", "--is-shallow-repository") == "true":
        msg = "the history is cut off, and newer releases with it: git fetch --unshallow --tags"
    elif there := commit_of(ref, built.commit, must=found.kind == "release"):
        msg = f"{ref} is {there}, and {built.commit[:7]} is checked out: git checkout the right one"
    else:
        return found
    raise FailedError(msg)


def commit_of(ref: str, here: str, *, must: bool) -> str | None:
    """Return where a ref is if that is not here; None if it is.

    Args:
        ref: git's full name.
        here: the commit that is checked out.
        must: a pipeline that has checked out a bare commit knows no branch; a tag it has to know.
    """
    there = read("git", "for-each-ref", "--format=%(objectname) %(*objectname)", ref).split()
    if here in there or not (there or must):
        return None
    return there[-1][:7] if there else "unknown to git"


def asked(image: str, what: str) -> dict[str, Any]:
    """Return what the registry has of an image; nothing where there is no such image yet.

    Args:
        image: with its tag.
        what: `Manifest`, or `Image` for its configuration, of several processors by platform.

    Raises:
        FailedError: the registry gives no answer.
    """
    inspect = ("docker", "buildx", "imagetools", "inspect")
    try:
        return dict(json.loads(read(*inspect, f"--format={{{{json .{what}}}}}", image)))
    except FailedError as error:
        if str(error).endswith(": not found"):
            return {}
        raise


def version_of(image: str) -> str:
    """Return the version that an image in the registry says it is; empty where there is none."""
    told = asked(image, "Image")
    one = told if "config" in told else next(iter(told.values()), {})
    return str((one.get("config", {}).get("Labels") or {}).get(VERSION, ""))


def tags_of(wanted: Iterable[Ref], name: str) -> list[str]:
    """Return the tags for an image, of all that it is.

    A newer release may have been published since this run began, so the registry is asked as well.
    A branch's own tag is for its newest commit.
    """
    found = []
    for each in wanted:
        floats = floating(each.name, ()) if each.kind == "release" else []
        holders = [version_of(f"{name}:{tag}") for tag in floats]
        own = tags(each, [*read("git", "tag", "--list").split(), *holders])
        found += own[:2] if is_overtaken(each) else own
    return list(dict.fromkeys(found))


def is_overtaken(ref: Ref) -> bool:
    """Tell whether the remote is known to have newer commits of a branch."""
    tip = f"refs/remotes/origin/{ref.name}"
    if ref.kind != "branch" or not read("git", "for-each-ref", tip):
        return False
    return read("git", "rev-list", "--count", f"{ref.commit}..{tip}") != "0"


def try_out(image: str, platform: str) -> None:
    """Pull an image by its digest, start it on a platform, and wait until it is ready.

    It starts as compose.yaml says, with all that it needs.

    Raises:
        FailedError: it does not become ready; what was logged is on the standard error.
    """
    app = {
        "environment": project()["tool"]["image"].get("environment", {}),
        "healthcheck": {"disable": True},  # each second, and an emulated processor is slow
        "platform": platform,
        "restart": "no",
    }
    override = REPORTS / "publish.compose.json"
    text = json.dumps({"services": {"app": app}}).replace("$", "$$")
    name = f"publish-{zlib.crc32(str(Path.cwd()).encode()):08x}"
    files = ("--file=compose.yaml", f"--file={override}")
    compose = ("docker", "compose", *files, f"--project-name={name}")
    down = (*compose, "down", "--timeout=1", "--volumes")
    env = {"IMAGE": image, "PUBLISH": "127.0.0.1:"}  # at any free port
    read("docker", "pull", "--quiet", f"--platform={platform}", image)
    override.write_text(text, encoding="utf-8")
    try:
        read(*down)  # of a run that was killed
        read(*compose, "up", "--detach", "--no-build", "app", env=env)
        begun = time.monotonic()
        while time.monotonic() - begun < READY_SECONDS:
            if not read(*compose, "ps", "--quiet", "app", env=env):
                break
            if is_ready(read(*compose, "port", "app", "8000", env=env)):
                print(f"{platform}: ready after {time.monotonic() - begun:.1f} s")
                return
            time.sleep(0.2)
        msg = f"{image} does not become ready on {platform}: its log is above"
        raise FailedError(msg)
    except FailedError:
        run(*compose, "logs", "--no-color", env=env)
        raise
    finally:
        read(*down)
        override.unlink()


def prove(image: str) -> None:
    """Hold an image to what every image of this project must be, on the engine's own processor.

    Raises:
        FailedError: it breaks a rule of tests/image.
    """
    run("docker", "pull", "--quiet", image)
    tests = (sys.executable, "-m", "pytest", "--quiet", "--tb=short", "tests/image")
    run(*tests, env={"IMAGE": image})


def is_ready(address: str) -> bool:
    """Tell whether a service at host:port answers that it is ready."""
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def list_contents(image: str, platform: str) -> dict[str, Path]:
    """Write both kinds of SBOM of one platform's image, and return where each is."""
    stem = REPORTS / f"sbom-{platform.replace('/', '-')}"
    kinds = {"spdxjson": f"{stem}.spdx.json", "cyclonedx": f"{stem}.cdx.json"}
    spdx, cyclonedx = (f"spdx-json={kinds['spdxjson']}", f"cyclonedx-json={kinds['cyclonedx']}")
    run("syft", "scan", "--quiet", f"registry:{image}", f"-o={spdx}", f"-o={cyclonedx}", env=QUIET)
    return {kind: Path(path) for kind, path in kinds.items()}


def publish(refs: list[str]) -> None:
    """Publish what is checked out; see the module.

    Args:
        refs: git's full names of it, at least one. The image gets the tags of all, and tells of the
            first where it comes from.

    Raises:
        FailedError: it is not published. No tag was moved, unless tagging itself was cut off.
    """
    for report in ("image.json", "provenance.json", "sbom-*.json"):
        for earlier in REPORTS.glob(report):
            earlier.unlink()  # whatever happens, it is not this run's
    begun, built, settings = datetime.now(UTC), source(), project()["tool"]["image"]
    wanted = [checked(each, built, project()["project"]["version"]) for each in refs]
    ref = refs[0]
    signer, name = Signer.find(), settings["name"]
    with signed_by(signer, ref) as verifier:
        with built_layout(settings["platforms"]) as (layout, build):
            digest, platforms = layout.digest, layout.platforms()
            image = f"{name}@{digest}"
            for version in (each.name for each in wanted if each.kind == "release"):
                there = asked(f"{name}:{version}", "Manifest").get("digest", digest)
                if there != digest:
                    msg = f"{name}:{version} exists, as {there}: release a new version instead"
                    raise FailedError(msg)
            images = bases(build, settings["platforms"])
            layout.push(name)
        listed = {
            f"{name}@{part}": (platform, list_contents(f"{name}@{part}", platform))
            for platform, (part, _) in platforms.items()
        }
        # An earlier run that was cut off may have left it unsigned.
        if not is_signed(image, verifier, ref):
            prove(image)
            for part, (platform, contents) in listed.items():
                try_out(part, platform)
                for kind, path in contents.items():
                    attest(part, kind, path, signer)
            statement = REPORTS / "provenance.json"
            statement.write_text(json.dumps(provenance(ref, built, images, begun), indent=2))
            attest(image, PROVENANCE, statement, signer)
            sign(image, signer)
            verify(image, verifier)
    taken = tags_of(wanted, name)
    for tag in taken:
        command = ("docker", "buildx", "imagetools", "create", "--prefer-index=false")
        run(*command, f"--tag={name}:{tag}", image)
    told = {
        "name": name,
        "digest": digest,
        "tags": taken,
        "platforms": {
            platform: {"digest": part, "bytes": weight}
            for platform, (part, weight) in platforms.items()
        },
    }
    (REPORTS / "image.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(f"published {image}\ntags      {', '.join(taken)}")


@contextmanager
def signed_by(signer: Signer, ref: str) -> Iterator[Verifier]:
    """Give the one who accepts what is signed now, and nothing else."""
    if not signer.key:  # a workflow that is called signs as its caller's ref, whatever it publishes
        yield Verifier.of_workflow(re.escape(os.environ.get("GITHUB_REF") or ref))
        return
    public = REPORTS / "cosign.pub"
    public.write_text(signer.public_key(), encoding="utf-8")
    try:
        yield Verifier(str(public), "")
    finally:
        public.unlink()


def is_signed(image: str, verifier: Verifier, ref: str) -> bool:
    """Tell whether an image has its signature, which comes last, and was told to be of this ref."""
    try:
        statements = verify(image, verifier)
    except FailedError:
        return False
    return ref in {each["buildDefinition"]["externalParameters"].get("ref") for each in statements}


def main() -> None:
    """Publish; leave with status 1 and one sentence if that cannot be done."""
    parser = argparse.ArgumentParser(prog="nox -s publish --", description="Publish the image.")
    parser.add_argument(
        "--ref",
        default="",
        help="git's full name of what is checked out, like refs/tags/v1.2.3; of several, with a"
        " space between them, the image gets the tags of all",
    )
    chosen = parser.parse_args()
    try:
        publish(chosen.ref.split() or [current_ref()])
    except FailedError as error:
        sys.exit(f"publish: {error}")
    except KeyboardInterrupt:
        sys.exit("publish: interrupted; run it again to complete it")


if __name__ == "__main__":
    main()
