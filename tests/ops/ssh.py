"""A host that ssh reaches: a real sshd of this machine, which runs as whoever runs the tests."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.needed import need

SSHD = "/usr/sbin/sshd"


@contextmanager
def host(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Have a host, and an `ssh` that knows its key and has one for it; return its URL."""
    need(Path(SSHD).exists(), SSHD)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself in; its package makes it
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    public = (folder / "host.pub").read_text(encoding="utf-8")
    _write(folder / "known", f"[127.0.0.1]:{port} {public}")
    _write(folder / "authorized", (folder / "user.pub").read_text(encoding="utf-8"))
    _write(
        folder / "sshd_config",
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nUsePAM no\n"
        "KbdInteractiveAuthentication no\nStrictModes no\nPermitRootLogin yes\n"
        f"SetEnv PATH={os.environ['PATH']}\n",
    )
    _write(
        folder / "config",
        f"IdentityFile {folder}/user\nIdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n"
        "IdentityAgent none\n",
    )
    real = shutil.which("ssh")
    _write(folder / "bin" / "ssh", f'#!/bin/sh\nexec {real} -F {folder}/config "$@"\n')
    (folder / "bin" / "ssh").chmod(0o755)
    patch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    with (folder / "log").open("w") as log:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        server = subprocess.Popen(command, stderr=log)
        try:
            end = time.monotonic() + 10
            while "Server listening" not in (folder / "log").read_text(encoding="utf-8"):
                assert server.poll() is None, (folder / "log").read_text(encoding="utf-8")
                assert time.monotonic() < end
                time.sleep(0.05)
            yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
        finally:
            hang_up(f"ssh://{getpass.getuser()}@127.0.0.1:{port}")
            server.terminate()
            server.wait()


def hang_up(url: str) -> None:
    """End the connection that is kept for a while for whatever comes next."""
    command = ["ssh", "-o", "ControlPath=~/.ssh/%C", "-O", "exit", url]
    subprocess.run(command, capture_output=True, check=False)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
