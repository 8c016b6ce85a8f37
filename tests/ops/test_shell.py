"""What a terminal's Ctrl-C and a time-out end, and what they do not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ops.shell import Shell
from pipeline.shell import FailedError

ROOT = Path(__file__).parents[2]
HEEDING = """
import signal
from ops.shell import Shell
signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
print("begun", flush=True)
print(Shell().read("sh", "-c", "sleep 2; echo done"))
"""


def is_there(process: int) -> bool:
    """Whether a process runs."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text(encoding="utf-8").split()[2] != "Z"


def test_ctrl_c_is_for_the_deployment_and_not_for_its_commands() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HEEDING],
        env={**os.environ, "PYTHONPATH": str(ROOT / "template")},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.communicate()[0] == "heard\ndone\n"


def test_a_time_out_ends_what_a_command_has_started_too(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! >'{tmp_path}/started'; wait"
    with pytest.raises(FailedError, match="did not answer within 1 s"):
        Shell().read("sh", "-c", script, seconds=1)
    started = int((tmp_path / "started").read_text(encoding="utf-8"))
    end = time.monotonic() + 5
    while is_there(started):
        assert time.monotonic() < end
        time.sleep(0.05)
