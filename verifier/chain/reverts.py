"""From a contract's revert data to the name of its custom error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple

from avow.verifier.keccak import keccak256

_BUILT_IN: dict[bytes, tuple[str, tuple[str, ...]]] = {
    keccak256(b"Error(string)")[:4]: ("Error", ("string",)),
    keccak256(b"Panic(uint256)")[:4]: ("Panic", ("uint256",)),
}


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The errors that the known contracts declare, by selector: name and argument types."""

    entries: Mapping[bytes, tuple[str, tuple[str, ...]]]

    def describe(self, data: bytes) -> tuple[str, tuple[object, ...]]:
        """Name and arguments of revert data; ("", (data,)) when no contract declares it.

        An error that another contract's error carries as its only bytes argument is unfolded,
        so that `ProofRefused(0x...)` names what the adapter said.
        """
        if not data:
            return "", ()
        entry = self.entries.get(data[:4])
        if entry is None:
            return "", (data,)
        name, types = entry
        try:
            arguments = decode(types, data[4:])
        except (DecodingError, OverflowError, ValueError):
            return name, (data[4:],)
        return name, tuple(self._unfold(argument) for argument in arguments)

    def _unfold(self, argument: object) -> object:
        if isinstance(argument, bytes) and len(argument) >= 4 and argument[:4] in self.entries:
            name, arguments = self.describe(argument)
            inner = ", ".join(
                "0x" + item.hex() if isinstance(item, bytes) else str(item) for item in arguments
            )
            return f"{name}({inner})"
        return argument


def error_table(abis: Iterable[list[dict[str, Any]]]) -> ErrorTable:
    """Collects the errors of several ABIs."""
    entries = dict(_BUILT_IN)
    for abi in abis:
        for element in abi:
            if element.get("type") == "error":
                types = tuple(collapse_if_tuple(item) for item in element["inputs"])
                signature = f"{element['name']}({','.join(types)})"
                entries[keccak256(signature.encode("ascii"))[:4]] = (element["name"], types)
    return ErrorTable(entries)
