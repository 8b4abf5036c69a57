"""The locks are exact, hashed, and say nothing about where packages come from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PIN = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,]+\])?==[0-9][\w.+!]*( ; [^\\]+)?( \\)?( +# .*)?")


def faults(lock: str, *, hashed: bool) -> list[str]:
    """Say, one line each, what is wrong with the text of a lock file."""
    found = []
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if "://" in line or line.startswith(("-i", "--index", "--extra-index", "--find", "-f")):
            found.append(f"names a place: {line}")
        elif line.startswith("    "):
            if not re.fullmatch(r"    (--hash=sha256:[0-9a-f]{64}( \\)?|# .*)", line):
                found.append(f"not a hash: {line}")
        elif not (pin := PIN.fullmatch(line)):
            found.append(f"not a pin: {line}")
        elif pin["name"] in ("avow", "avow-verifier"):
            found.append(f"must come from the checkout: {line}")
        elif hashed and not following.startswith("    --hash="):
            found.append(f"without a hash: {line}")
    return found


def names(path: str) -> set[str]:
    """List the packages that a lock pins."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return {pin["name"] for line in lines if (pin := PIN.fullmatch(line))}


def normal(requirement: str) -> str:
    """Return the normalised name of a requirement."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~; ]", requirement)[0]).lower()


@pytest.mark.parametrize(
    ("path", "hashed"),
    [
        ("locks/all.txt", True),
        ("locks/verifier.txt", True),
        ("locks/uv.txt", True),
        ("locks/train.txt", False),
    ],
)
def test_a_lock_is_exact(path: str, hashed: bool) -> None:
    assert names(path)
    assert faults((ROOT / path).read_text(encoding="utf-8"), hashed=hashed) == []


def test_every_requirement_is_locked() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        root = tomllib.load(file)
    with (ROOT / "verifier/pyproject.toml").open("rb") as file:
        verifier = tomllib.load(file)["project"]
    extras = root["project"]["optional-dependencies"]
    wanted = {
        *map(normal, root["project"]["dependencies"]),
        *map(normal, extras["ezkl"] + extras["postgres"]),
        *map(normal, root["dependency-groups"]["dev"]),
        *map(normal, verifier["dependencies"]),
        *map(normal, verifier["optional-dependencies"]["chain"]),
        *map(normal, verifier["optional-dependencies"]["tee"]),
    }
    assert wanted - names("locks/all.txt") == {"avow-verifier"}
    assert set(map(normal, verifier["dependencies"])) <= names("locks/verifier.txt")
    assert set(map(normal, extras["train"])) <= names("locks/train.txt")


def test_serving_and_proving_need_no_torch() -> None:
    assert "torch" not in names("locks/all.txt")


GOOD = "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.mark.parametrize(
    ("lock", "fault"),
    [
        ("numpy>=2\n", "not a pin"),
        ("numpy==2.4.6\n", "without a hash"),
        ("avow==0.1.0\n", "must come from the checkout"),
        ("--index-url x\n" + GOOD, "names a place"),
        ("numpy @ file:///x.whl\n", "names a place"),
        (GOOD.replace("sha256", "md5"), "not a hash"),
    ],
)
def test_a_planted_fault_is_found(lock: str, fault: str) -> None:
    assert faults(GOOD, hashed=True) == []
    assert any(fault in line for line in faults(lock, hashed=True))
