"""A real service with the smallest model, started once for all tests of the client."""

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.api.processes import Run, start
from tests.circuits.sumcheck import small


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `avow api` over a home with the smallest model and a worker."""
    folder = tmp_path_factory.mktemp("service")
    home = folder / "home"
    small.compiled()
    for part in ("artifacts", "models"):
        shutil.copytree(small.HOME / part, home / part)
    runs: list[Run] = []
    try:
        runs.append(start(["worker", "--allow-unsafe-srs"], folder, AVOW_HOME=str(home)))
        runs.append(start(["api", "--port", "0"], folder, AVOW_HOME=str(home)))
        said = runs[1].wait_for("API on ")
        runs[0].wait_for(" ready")
        yield re.findall(r"API on (\S+)", said)[0]
        for run in runs:
            run.process.terminate()
            run.wait()
            assert run.survivors() == []
    finally:
        for run in runs:
            run.end()
