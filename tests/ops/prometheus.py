"""A real Prometheus that scrapes what a test serves, twice a second."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.ops.service import closed_port

SCRAPE = 0.5
IMAGE = "prom/prometheus:latest"


class Prometheus:
    """Prometheus at a port of this machine: the one that is installed, else its image."""

    def __init__(self, folder: Path, services: Mapping[str, int], port: int = 0) -> None:
        """Take what to scrape.

        Args:
            folder: an empty one, for its data.
            services: the port of each, by the label `release` that it is to get.
            port: where to listen; 0 for any.
        """
        self.port = port or closed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        targets = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"release": release}}
            for release, port in services.items()
        ]
        scrape = {"job_name": "service", "static_configs": targets}
        timing = {"scrape_interval": f"{SCRAPE * 1000:.0f}ms"}
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # the image's user writes there
        written = folder / "prometheus.yml"  # JSON is YAML
        written.write_text(json.dumps({"global": timing, "scrape_configs": [scrape]}))
        self._command = [
            *(["prometheus"] if shutil.which("prometheus") else self._container(folder)),
            f"--config.file={written}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self._log = folder / "log"

    @staticmethod
    def required(request: pytest.FixtureRequest) -> None:
        """Skip or fail, like everything that needs an engine, where there is no Prometheus."""
        if not shutil.which("prometheus"):
            request.getfixturevalue("engine")

    @staticmethod
    def _container(folder: Path) -> list[str]:
        return ["docker", "run", "--rm", "--network=host", f"--volume={folder}:{folder}", IMAGE]

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready").is_success
        except httpx.HTTPError:
            return False

    def value(self, promql: str) -> float:
        """Return the sum that a query has now; 0 for none."""
        told = httpx.get(f"{self.url}/api/v1/query", params={"query": f"sum({promql})"}).json()
        return sum(float(each["value"][1]) for each in told["data"]["result"])

    def wait_for(self, promql: str, value: float) -> None:
        """Wait until a query has a value."""
        end = time.monotonic() + 30
        while (found := self.value(promql)) != value:
            assert time.monotonic() < end, f"{promql} is {found}, not {value}"
            time.sleep(0.1)
