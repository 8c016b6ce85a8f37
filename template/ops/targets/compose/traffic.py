"""Which instance a request goes to: the proxy's table, as a value and as files.

Every request is, by chance, in one of 256 buckets. `live/BUCKET` is a symbolic link to
`to/INSTANCE`, which nginx follows anew with each request, and `live/BUCKET.spare` one to the
instance to try when that one takes no connection. `live` itself is a link to a whole table, and
changes in one step.
"""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass

from ops.model import WHOLE

BUCKETS = 256
NOBODY = "nobody"

SWITCH = """set -eu; export LC_ALL=C; umask 022; mkdir -p "$1"; cd "$1"
for each in tables/*; do [ "$each" = "$(readlink live)" ] || rm -rf "$each"; done
for each in to/*; do grep -qs "${each#to/}" live/table || rm -rf "$each"; done
tar -xf -; test -f "tables/$2/table"
ln -sfn "tables/$2" live.new; mv -fT live.new live"""
"""Puts a table in place; what is left of older ones goes before, when nobody can be in it."""


@dataclass(frozen=True)
class Table:
    """For each bucket, the instance that its requests go to, and the spare one."""

    rows: tuple[tuple[str, str], ...] = ((NOBODY, NOBODY),) * BUCKETS

    @classmethod
    def parse(cls, text: str) -> "Table":
        """Return a table from its text; from none, the one that sends nobody anywhere."""
        rows = [line.split() for line in text.splitlines()]
        return cls(tuple((instance, spare) for instance, spare in rows)) if rows else cls()

    @classmethod
    def of(cls, new: Sequence[str], old: Sequence[str], share: float) -> "Table":
        """Return the table that gives per cent of the traffic to new instances, the rest to old.

        The spare instance is one of the old wherever there is another: it has proved itself. Where
        there is no other, it is the same again, for an engine does not always find it at once.
        """
        new = new if share else ()
        first, rows = round(BUCKETS * share / WHOLE), []
        for bucket in range(BUCKETS):
            chosen = (new if bucket < first else old) or old or new
            instance = chosen[bucket % len(chosen)] if chosen else NOBODY
            pool = [*_turned(old, bucket), *_turned(new, bucket)]
            rows.append((instance, next((each for each in pool if each != instance), instance)))
        return cls(tuple(rows))

    @property
    def instances(self) -> frozenset[str]:
        """All that get requests."""
        return frozenset(instance for instance, _ in self.rows) - {NOBODY}

    def share(self, instances: Sequence[str]) -> int:
        """Return the per cent of the traffic that these get."""
        return round(WHOLE * sum(row[0] in instances for row in self.rows) / BUCKETS)

    @property
    def text(self) -> str:
        """What `parse` reads."""
        return "".join(f"{instance} {spare}\n" for instance, spare in self.rows)

    @property
    def digest(self) -> str:
        """A name for it that no other table has."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def archive(self) -> str:
        """Return a tar archive of its files, which is ASCII; the table's text is the last."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted({name for row in self.rows for name in row}):
                tar.addfile(_entry(f"to/{name}", tarfile.DIRTYPE, 0o755))
            for bucket, row in enumerate(self.rows):
                for end, name in zip(("", ".spare"), row, strict=True):
                    link = _entry(f"tables/{self.digest}/{bucket:02x}{end}", tarfile.SYMTYPE, 0o777)
                    link.linkname = f"../../to/{name}"
                    tar.addfile(link)
            entry = _entry(f"tables/{self.digest}/table", tarfile.REGTYPE, 0o644)
            entry.size = len(self.text)
            tar.addfile(entry, io.BytesIO(self.text.encode()))
        return buffer.getvalue().decode("ascii")


def _turned(names: Sequence[str], by: int) -> Sequence[str]:
    at = by % len(names) if names else 0
    return [*names[at:], *names[:at]]


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry
