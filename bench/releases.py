"""What a person waits for who asks for the next release."""

import sys

from bench.measure import Measure, seconds
from tests.project import Project

COMMITS = 10_000
MESSAGES = ("feat: add {}", "fix(api): mend {}", "docs: tell {}", "chore: keep {}", "no kind {}")


def releases(project: Project) -> list[Measure]:
    """Measure the dry run in a project with a long history, none of it released."""
    stream = project.path / "reports" / "history"
    branch = project.must("git", "branch", "--show-current").strip()
    with stream.open("w", encoding="utf-8") as file:
        for number in range(COMMITS):
            message = MESSAGES[number % len(MESSAGES)].format(number)
            file.write(f"commit refs/heads/{branch}\n")
            file.write(
                f"committer Somebody <somebody@example.org> {1_700_000_000 + number} +0000\n"
            )
            file.write(f"data {len(message)}\n{message}\n")
            if number == 0:
                file.write(f"from refs/heads/{branch}^0\n")
    project.must("sh", "-c", f"git fast-import --quiet < {stream.relative_to(project.path)}")
    command = ("uv", "run", "nox", "-s", "release")
    told = project.must(*command)
    if "my-service 0.1.0" not in told:
        sys.exit(f"bench: no release was told:\n{told}")
    short = seconds(lambda: project.must("git", "log", "--oneline"), repeat=5)
    whole = seconds(lambda: project.must(*command), repeat=5)
    return [
        Measure(
            f"release, dry run over {COMMITS:,} commits",
            whole,
            "s",
            2,
            f"{' '.join(command)}, median of 5, beside {short:.2f} s for git log --oneline",
        )
    ]
