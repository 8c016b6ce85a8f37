"""What a revision locks, and what it breaks, as squawk sees it in the SQL that it makes.

https://squawkhq.com/docs/rules explains every rule.
"""

import io
import json
import os
import subprocess
from dataclasses import dataclass

from alembic import command

from pipeline.migrations.revisions import Revision, settings
from pipeline.shell import FailedError, missing

# After these, a statement of the previous release may fail, or read what it does not expect.
BREAKS = {
    "adding-not-nullable-field",
    "adding-required-field",
    "ban-drop-column",
    "ban-drop-constraint",
    "ban-drop-database",
    "ban-drop-default",
    "ban-drop-domain",
    "ban-drop-extension",
    "ban-drop-function",
    "ban-drop-not-null",
    "ban-drop-schema",
    "ban-drop-sequence",
    "ban-drop-table",
    "ban-drop-type",
    "ban-drop-view",
    "ban-set-schema",
    "ban-truncate-cascade",
    "changing-column-type",
    "renaming-column",
    "renaming-object",
    "renaming-table",
}
# Every other rule is about locks, those included that a later squawk adds; but for these.
LEFT_OUT = (
    # Taste, on which models and their review decide.
    *("ban-alter-domain-with-add-constraint", "ban-char-field", "require-enum-value-ordering"),
    *("ban-create-domain-with-constraint", "identifier-too-long", "prefer-bigint-over-int"),
    *("prefer-bigint-over-smallint", "prefer-identity", "prefer-text-field"),
    *("prefer-timestamp-tz", "require-table-schema"),
    # Each revision is a transaction: it has all of its effect or none, so it can be run again.
    *("prefer-robust-stmts", "transaction-nesting", "ban-uncommitted-transaction"),
    "ban-concurrent-index-creation-in-transaction",  # PostgreSQL itself refuses it
    # env.py sets the time-out of locks for all. A statement takes as long as there are rows.
    *("require-lock-timeout", "require-statement-timeout", "require-timeout-settings"),
)
SQUAWK = (
    *("squawk", "--reporter=json", f"--exclude={','.join(LEFT_OUT)}"),
    f"--config={os.devnull}",  # what is left out stands here, and nowhere else
)
VAGUE = "constraint-missing-not-valid"  # often said with a better rule, which is told then


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement that locks or breaks."""

    rule: str
    statement: str
    advice: str

    @property
    def breaks(self) -> bool:
        """Whether it breaks the previous release; else it locks."""
        return self.rule in BREAKS


def findings(revision: Revision) -> list[Finding]:
    """Return what squawk finds in a revision.

    Raises:
        FailedError: it cannot be written as SQL, so nobody can look at it.
    """
    sql = as_sql(revision)
    try:
        done = subprocess.run(SQUAWK, input=sql, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)
    except FileNotFoundError:
        raise missing("squawk") from None
    except ValueError:
        raise FailedError(f"squawk says: {done.stderr.strip()}") from None
    kept: dict[tuple[int, bool], Finding] = {}
    for each in sorted(found, key=lambda each: each["rule_name"] == VAGUE):
        first, last = each["line"], each["line_end"] + 1
        statement = " ".join(" ".join(sql.splitlines()[first:last]).split())
        advice = " ".join(filter(None, (each["message"], each["help"])))
        finding = Finding(each["rule_name"], statement, advice)
        if not statement.startswith("ALTER INDEX"):  # whose name only migrations know
            kept.setdefault((first, finding.breaks), finding)
    return list(kept.values())


def as_sql(revision: Revision) -> str:
    """Return the statements of a revision, each from the start of a line."""
    written = io.StringIO()
    try:
        command.upgrade(
            settings(output_buffer=written), f"{revision.below}:{revision.id}", sql=True
        )
    except Exception as error:  # whatever a revision raises  # noqa: BLE001
        msg = (
            f"{revision.path}: it reads from the database ({error}), so it cannot be linted:"
            " let op.execute() do it in SQL alone"
        )
        raise FailedError(msg) from None
    # Comments in files do not silence it: what is accepted stands in the revision, with a reason.
    return written.getvalue().replace("squawk-ignore", "")
