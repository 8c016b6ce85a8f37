"""Every action is a commit that was chosen, and the same in both houses."""

import re

from tests.parity.act import STAND_INS
from tests.parity.houses import House
from tests.parity.pins import PINS

USED = re.compile(r"uses: ([\w.-]+/[\w.-]+)[\w./-]*@(\S+) # (\S+)$", re.MULTILINE)


def pinned(house: House) -> set[tuple[str, str, str]]:
    """Return action, commit and version of all that a house uses."""
    return {use for path in house.automation() for use in USED.findall(house.text(path))}


def test_actions_are_those_of_the_table(house: House) -> None:
    used = pinned(house)
    assert used
    known = {(action, *pin) for action, pin in PINS.items()}
    assert used <= known, f"compare with pins.py: {sorted(used - known)}"


def test_both_houses_use_the_same_commits(generated: House, repository: House) -> None:
    used = pinned(generated) | pinned(repository)
    actions = [action for action, _, _ in used]
    assert len(actions) == len(set(actions)), sorted(used)


def test_what_stands_for_an_action_at_a_desk_stands_for_one_in_use(generated: House) -> None:
    stands = {path.relative_to(STAND_INS).as_posix() for path in STAND_INS.glob("*/*")}
    built_in = {"actions/checkout"}
    assert stands | built_in == {action for action, _, _ in pinned(generated)}
