"""This repository is scanned as it tells others to scan."""

from tests.osv import Advisories
from tests.parity.houses import House


def test_this_repository_passes_its_own_scan(repository: House, advisories: Advisories) -> None:
    done = repository.project.nox("-s", "scan", OSV_URL=advisories.url)

    assert done.status == 0, done.out
    asked = {query["package"]["name"] for query in advisories.asked}
    assert {"copier", "invoke", "nox"} <= asked
