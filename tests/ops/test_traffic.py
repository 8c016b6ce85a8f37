"""The proxy's table: who gets what share, and who is asked when the first does not answer."""

import pytest
from ops.targets.compose.traffic import NOBODY, Table


@pytest.mark.parametrize("share", [1, 10, 50, 99, 100])
def test_new_instances_get_their_share_and_old_ones_the_rest(share: int) -> None:
    table = Table.of(("new", "newer"), ("old",), share)
    assert table.share(("new", "newer")) == share
    assert table.share(("old",)) == 100 - share
    assert Table.parse(table.text) == table


def test_an_instance_that_does_not_answer_has_another_behind_it_an_old_one_first() -> None:
    rows = Table.of(("new",), ("old", "older"), 50).rows
    assert all(first != second for first, second in rows)
    assert {second for first, second in rows if first == "new"} == {"old", "older"}


def test_the_only_instance_is_asked_twice() -> None:
    assert {*Table.of(("new",), (), 100).rows} == {("new", "new")}


def test_without_instances_nobody_is_asked() -> None:
    table = Table.of((), (), 0)
    assert {*table.rows} == {(NOBODY, NOBODY)}
    assert table.instances == frozenset()
