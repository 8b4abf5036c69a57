"""What every room's tests share: which code is tested, and a clean place to test it in."""

import importlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("verifier", "models", "circuits", "prover", "api")

# A slow machine, or one that stood still for a second, is no failure. With CI=true or without, the
# tests try the same examples; it is the campaign that looks for others.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", PATIENT, derandomize=True, database=None)
settings.register_profile("campaign", PATIENT, derandomize=False, max_examples=20_000)
settings.load_profile("default")


def stale_rooms(root: Path, prefix: Path) -> list[str]:
    """Name the rooms whose installed files differ from the checkout's; `prefix` holds `avow/`."""
    stale = []
    for room in ROOMS:
        here = {
            path.relative_to(root / room): path.read_bytes()
            for path in (root / room).rglob("*.py")
            if "__pycache__" not in path.parts
        }
        installed = prefix / "avow" / room
        there = {
            path.relative_to(installed): path.read_bytes()
            for path in installed.rglob("*.py")
            if "__pycache__" not in path.parts
        }
        if not here or here != there:
            stale.append(room)
    return stale


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to test anything but the installed wheels when `make test` asked for them."""
    # A developer's own settings must not decide what a test sees.
    for name in [name for name in os.environ if name.startswith("AVOW_")]:
        if not name.startswith("AVOW_TEST_"):
            del os.environ[name]
    if os.environ.get("AVOW_TEST_INSTALLED") != "1":
        return
    (verifier,) = importlib.import_module("avow.verifier").__path__
    prefix = Path(verifier).parent.parent
    if prefix.name != "site-packages" or (stale := stale_rooms(ROOT, prefix)):
        detail = f"from {prefix}" if prefix.name != "site-packages" else f"stale: {stale}"
        raise pytest.UsageError(f"expected the wheels of this checkout to be installed, {detail}")


@pytest.fixture
def avow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty AVOW_HOME, for this process and the children it starts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("AVOW_HOME", str(home))
    return home


@contextmanager
def kept_port() -> Iterator[int]:
    """A TCP port of 127.0.0.1 at which nobody listens; servers of this test may.

    It stays bound all the while, or the system would give it to whoever asks for any. A server
    that reuses addresses, as they all do, may listen there in spite of that; a client is refused
    until one does.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port of `kept_port` for the time of a test."""
    with kept_port() as port:
        yield port


def service_address(variable: str) -> str:
    """Return the address that `variable` holds; without one, fail where CI=true, else skip."""
    if address := os.environ.get(variable):
        return address
    if os.environ.get("CI") == "true":
        pytest.fail(f"{variable} is not set: with CI=true every service must be there")
    pytest.skip(f"{variable} is not set")


@pytest.fixture
def require_service() -> Callable[[str], str]:
    """`require_service("AVOW_TEST_REDIS_URL")` is the address of a server that tests may use."""
    return service_address


@pytest.fixture(scope="session")
def contracts_folder() -> Path:
    """The contracts' folder with its npm packages; without them, fail where CI=true, else skip."""
    # Not at the top: installed wheels are checked to be there before they are imported.
    from avow.verifier.chain.anvil import find_anvil
    from avow.verifier.chain.errors import AnvilUnavailable

    try:
        find_anvil(ROOT / "contracts")
    except AnvilUnavailable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"with CI=true the npm packages must be there: {error}")
        pytest.skip(str(error))
    return ROOT / "contracts"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every attempt of this process to open a socket fail."""

    def refuse(*args: object, **kwargs: object) -> socket.socket:
        raise AssertionError("expected no network, got an attempt to open a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
