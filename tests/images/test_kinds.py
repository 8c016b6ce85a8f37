"""A service of another kind passes what needs an engine, as the default one does."""

import pytest

from tests.images.containers import left_of
from tests.osv import Advisories
from tests.project import Project

pytestmark = pytest.mark.e2e


@pytest.mark.fresh
@pytest.mark.parametrize("service", ["mcp", "api-postgres-redis"], indirect=True)
def test_a_service_of_another_kind_passes_its_sessions(
    service: Project, advisories: Advisories
) -> None:
    done = service.nox("-s", "scan", "docker", "integration", OSV_URL=advisories.url)
    assert done.status == 0, done.out
    assert (service.path / "reports/junit-docker.xml").exists()
    assert "tests/integration/test_" in done.out
    assert left_of(service.environment["COMPOSE_PROJECT_NAME"]) == []
