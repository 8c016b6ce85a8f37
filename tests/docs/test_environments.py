"""The reference of deploy/environments.toml has each of its keys, and what each is by default."""

import pytest
from ops.model import Compose, Environment, Kubernetes, Request, Table, Watch
from pydantic.fields import FieldInfo

from tests.conftest import ROOT
from tests.docs.pages import Page

TABLES = (Environment, Request, Watch, Kubernetes, Compose)
"""In the order of the page."""
ELSEWHERE = {"name", "kubernetes", "compose"}
IN_WORDS = {"canary", "directory", "smoke", "watch"}


@pytest.mark.parametrize("table", TABLES)
def test_each_key_is_told_with_its_default(table: type[Table]) -> None:
    page = Page(ROOT / "docs/reference/environments.md")
    heads, *rows = [each for each in page.tables if each[0][0] == "key"][TABLES.index(table)]
    told = {row[0]: row[heads.index("default")] for row in rows}
    fields = {name: it for name, it in table.model_fields.items() if name not in ELSEWHERE}
    assert told.keys() == fields.keys()
    for name in fields.keys() - IN_WORDS:
        assert told[name] == default(fields[name]), name


def default(field: FieldInfo) -> str:
    """Return what the page has for a key's default."""
    if field.is_required():
        return ""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default) or "empty"
