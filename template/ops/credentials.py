"""Credentials that a pipeline holds as texts, as the files and agents that tools take them from.

At a desk none of these variables is set: kubectl and ssh find what is there.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.shell import FailedError, read


def found() -> Mapping[str, str]:
    """Return what to add to the environment of every command, until this process ends.

    Raises:
        FailedError: a key cannot be used.
    """
    more = {}
    if kubeconfig := os.environ.get("KUBECONFIG_DATA"):
        folder = Path(tempfile.mkdtemp())  # of which nobody else reads anything
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "kubeconfig").write_text(kubeconfig, encoding="utf-8")
        more["KUBECONFIG"] = str(folder / "kubeconfig")
    if known := os.environ.get("SSH_KNOWN_HOSTS"):
        trust(known)
    if key := os.environ.get("SSH_PRIVATE_KEY"):
        more |= agent(key)
    return more


def bearer(variable: str) -> dict[str, str]:
    """Return the header that shows the token in an environment variable; none where it is not set.

    Raises:
        FailedError: what it holds is no token, and would be told with whatever went wrong with it.
    """
    token = os.environ.get(variable, "").strip()
    if not re.fullmatch("[!-~]*", token):
        msg = f"{variable} is no token: it must be one word, of ASCII's letters, digits and signs"
        raise FailedError(msg)
    return {"Authorization": f"Bearer {token}"} if token else {}


def agent(key: str) -> Mapping[str, str]:
    """Start an agent that has a key, which then is in no file; return how ssh finds it."""
    said = read("ssh-agent", "-s")
    variables = dict(re.findall(r"(SSH_\w+)=([^;]+);", said))
    atexit.register(read, "ssh-agent", "-k", env=variables)
    try:
        read("ssh-add", "-q", "-", env=variables, stdin=f"{key.strip()}\n")
    except FailedError as error:
        msg = f"SSH_PRIVATE_KEY is no key without a passphrase, as ssh-keygen writes it ({error})"
        raise FailedError(msg) from None
    return variables


def trust(known: str) -> None:
    """Have ssh know hosts, where it does not yet."""
    path = Path.home() / ".ssh/known_hosts"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    new = [line for line in known.splitlines() if line.strip() and line not in lines]
    if new:
        path.write_text("\n".join([*lines, *new, ""]), encoding="utf-8")
