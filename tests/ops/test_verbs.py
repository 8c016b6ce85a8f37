"""What a person types and how it ends, whatever their terminal is like."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def shell(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "template"), str(ROOT)])
    return subprocess.run(
        ["sh", "-c", script.replace("python", sys.executable)],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_word_that_the_terminal_lacks_stops_nothing() -> None:
    say = "from ops.verbs import answering\nwith answering(): print('\u0141ukasz')"
    done = shell('python -c "$SAY"', SAY=say, PYTHONIOENCODING="latin-1", PYTHONUTF8="1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u0141ukasz\n", "")


def test_who_reads_may_have_seen_enough() -> None:
    say = "from ops.verbs import answering\nwith answering():\n  while True: print(1, flush=True)"
    done = shell('python -c "$SAY" | head -n 2', SAY=say)
    assert (done.stdout, done.stderr) == ("1\n1\n", "")
