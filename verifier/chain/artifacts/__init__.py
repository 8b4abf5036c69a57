"""The contracts' compiled forms: ABI and bytecode, one JSON file per contract."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from avow.verifier.chain.errors import ArtifactRefused


@dataclass(frozen=True, slots=True)
class Artifact:
    """A contract as it was compiled. `bytecode` is the creation code without arguments."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes


@cache
def load(name: str) -> Artifact:
    """The compiled form of a contract of this project, by its name."""
    file = resources.files(__name__) / f"{name}.json"
    try:
        value = json.loads(file.read_bytes())
        return Artifact(name, value["abi"], bytes.fromhex(value["bytecode"].removeprefix("0x")))
    except FileNotFoundError as error:
        raise ArtifactRefused(f"contract {name}: no compiled form in this installation") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactRefused(f"contract {name}: its compiled form is damaged") from error


@cache
def known_abis() -> tuple[list[dict[str, Any]], ...]:
    """The ABI of every contract that is carried along."""
    names = sorted(
        entry.name.removesuffix(".json")
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".json")
    )
    return tuple(load(name).abi for name in names)
