"""Bundles a liar would send: the real one with one thing changed."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from avow.api.errors import DemoError
from avow.verifier import canonical


def tampered(bundle: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each forgery. All but the truncated one are canonical JSON again."""
    for name, change in _CHANGES.items():
        value = json.loads(bundle)
        change(value)
        forged = canonical.encode(value)
        if forged == bundle:
            raise DemoError(f"the forgery {name!r} is the bundle itself")
        yield name, forged
    yield "one byte missing", bundle[:-1]


def _flip_proof_byte(value: dict[str, Any]) -> None:
    proof = value["proof"]
    name = max(proof, key=lambda key: len(proof[key]) if isinstance(proof[key], str) else -1)
    data = bytearray(base64.b64decode(proof[name], validate=True))
    data[len(data) // 2] ^= 1
    proof[name] = base64.b64encode(data).decode()


def _change_tensor(tensor: dict[str, Any]) -> None:
    data = bytearray(base64.b64decode(tensor["data"], validate=True))
    data[-1] ^= 1
    tensor["data"] = base64.b64encode(data).decode()


def _change_output(value: dict[str, Any]) -> None:
    _change_tensor(value["outputs"][0])


def _change_input(value: dict[str, Any]) -> None:
    _change_tensor(value["inputs"][0])


def _flip_digit(text: str) -> str:
    return text[:-1] + ("1" if text[-1] == "0" else "0")


def _change_output_and_statement(value: dict[str, Any]) -> None:
    # The careful liar: output and statement agree with one another, only the proof does not.
    from avow.verifier.commitment import commit_public
    from avow.verifier.fields import to_hex
    from avow.verifier.tensor import parse_tensors

    _change_output(value)
    claimed = commit_public(parse_tensors(value["outputs"], "outputs"))
    value["statement"]["output"]["value"] = to_hex(claimed.value)


def _change_provider(value: dict[str, Any]) -> None:
    value["statement"]["provider"] = _flip_digit(value["statement"]["provider"])


def _change_order(value: dict[str, Any]) -> None:
    value["statement"]["order"] = _flip_digit(value["statement"]["order"])


_CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "one bit of the proof flipped": _flip_proof_byte,
    "output changed": _change_output,
    "input changed": _change_input,
    "output changed, statement adjusted": _change_output_and_statement,
    "claimed by another provider": _change_provider,
    "replayed for another order": _change_order,
}
