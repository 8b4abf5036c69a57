"""The wheels built from this checkout hold every file of their rooms and nothing else."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.wheels import BUILT, NATIVE, ROOMS, SOURCES, contents, expected, faults

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built without an index, by the name of their distribution."""
    target = tmp_path_factory.mktemp("wheels")
    built = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-index", "--no-deps", "--no-build-isolation", "-w", str(target)),
            # The objects that setup has compiled are used again where their sources are the same.
            f"--config-settings=build-dir={ROOT / 'build' / 'wheel'}",
            *(str(ROOT / "verifier"), str(ROOT)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return {path.name.partition("-")[0]: path for path in target.glob("*.whl")}


def project(name: str) -> dict[str, Any]:
    """Read the [project] table of one of the two distributions."""
    with (ROOT / name).open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["project"]
    return table


def metadata(wheel: Path, name: str) -> str:
    """Read one file of a wheel's dist-info folder."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def test_the_verifiers_wheel_is_for_every_platform_the_other_for_this_one(
    wheels: dict[str, Path],
) -> None:
    assert set(wheels) == set(ROOMS)
    assert wheels["avow_verifier"].name.endswith("-py3-none-any.whl")
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    assert wheels["avow"].name.endswith(f"-{python}-{python}-{platform}.whl")


def test_the_native_core_is_the_one_that_was_built(wheels: dict[str, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels["avow"]) as archive:
        held = archive.extract(BUILT["avow"], tmp_path)
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-c"),
            "from importlib.util import module_from_spec, spec_from_file_location as locate\n"
            f"spec = locate('_core', {held!r})\n"
            "core = module_from_spec(spec)\n"
            "spec.loader.exec_module(core)\n"
            "print(core.backends()[0])",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "portable\n"


def test_the_source_distribution_holds_the_sources_of_the_core(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "build", "--sdist", "--no-isolation"),
            *("--outdir", str(tmp_path), str(ROOT)),
        ],
        check=True,
        capture_output=True,
    )
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    sources = {path.name for path in (ROOT / NATIVE).iterdir() if path.suffix in SOURCES - {".so"}}
    assert {"CMakeLists.txt", "module.cpp", "field.hpp"} <= sources
    assert {f"{NATIVE}/{name}" for name in sources} <= held
    assert not any(name.endswith(".so") for name in held)


@pytest.mark.parametrize("distribution", ROOMS)
def test_a_wheel_holds_its_rooms_and_nothing_else(
    wheels: dict[str, Path], distribution: str
) -> None:
    wanted = expected(ROOT, distribution)
    assert all(f"avow/{room}/__init__.py" in wanted for room in ROOMS[distribution])
    assert faults(distribution, contents(wheels[distribution]), wanted) == []


@pytest.mark.parametrize("distribution", ROOMS)
def test_a_wheel_carries_the_licence(wheels: dict[str, Path], distribution: str) -> None:
    assert "Apache License" in metadata(wheels[distribution], "licenses/LICENSE")


def test_the_commands_are_installed(wheels: dict[str, Path]) -> None:
    assert "avow = avow.api.cli.main:main" in metadata(wheels["avow"], "entry_points.txt")
    commands = metadata(wheels["avow_verifier"], "entry_points.txt")
    assert "avow-verify = avow.verifier.cli:main" in commands
    assert "avow-attestation = avow.verifier.attestation.cli:main" in commands


def test_both_have_one_version_and_the_first_pins_the_second(wheels: dict[str, Path]) -> None:
    version = project("verifier/pyproject.toml")["version"]
    assert {path.name.split("-")[1] for path in wheels.values()} == {version}
    main = message_from_string(metadata(wheels["avow"], "METADATA"))
    pins = [line for line in main.get_all("Requires-Dist", []) if "avow-verifier" in line]
    assert pins
    assert all(re.search(r"==(\S+?)(;|$)", pin)[1] == version for pin in pins)  # type: ignore[index]


def test_the_verifier_alone_needs_two_packages() -> None:
    needed = project("verifier/pyproject.toml")["dependencies"]
    assert {re.split(r"[<>=~ ]", line)[0] for line in needed} == {"py-ecc", "pycryptodome"}


GOOD = {"avow/verifier/__init__.py", "avow/verifier/py.typed", "avow/verifier/chain/abi.json"}


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (GOOD | {"avow/__init__.py"}, "namespace"),
        (GOOD | {"verifier/__init__.py"}, "outside avow/"),
        (GOOD | {"tests/x.py"}, "outside avow/"),
        (GOOD | {"avow/api/app.py"}, "another distribution"),
        (GOOD | {"avow/verifier/left.py"}, "not in the checkout"),
        (GOOD - {"avow/verifier/chain/abi.json"}, "missing: avow/verifier/chain/abi.json"),
    ],
)
def test_a_planted_fault_is_found(held: set[str], fault: str) -> None:
    (found,) = faults("avow_verifier", sorted(held), GOOD)
    assert fault in found


def test_a_file_given_twice_and_an_untyped_room_are_found() -> None:
    assert faults("avow_verifier", sorted(GOOD), GOOD) == []
    assert faults("avow_verifier", [*GOOD, "avow/verifier/py.typed"], GOOD) == [
        "given twice: avow/verifier/py.typed"
    ]
    untyped = GOOD - {"avow/verifier/py.typed"}
    assert faults("avow_verifier", untyped, untyped) == ["missing: avow/verifier/py.typed"]
