"""A development chain as tests of contracts use it: calls, and transactions that are mined."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_abi.abi import encode

from avow.verifier.keccak import keccak256

# Of one call: what a lie may burn is bounded, and far below.
GAS = 30_000_000


class Refused(Exception):
    """The contract reverted; what it said, its selector first."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


def selector(signature: str) -> bytes:
    """The first four bytes of a signature's hash."""
    return keccak256(signature.encode())[:4]


def call_of(name: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    """The calldata of a function."""
    return selector(f"{name}({','.join(types)})") + encode(types, values)


@dataclass
class Node:
    """A chain, whose first account sends."""

    url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def __post_init__(self) -> None:
        self.sender = self.rpc("eth_accounts")[0]

    def rpc(self, method: str, *parameters: object) -> Any:
        """A call of the node."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = self.http.post(self.url, json=request).json()
        if "error" in answer:
            data = answer["error"].get("data") or "0x"
            # One name for each cause: OutOfGas, MemoryOOG, PrecompileOOG and others.
            message = answer["error"]["message"]
            starved = "OutOfGas" in message or "OOG" in message
            assert starved or answer["error"]["code"] in (3, -32003), answer
            raise Refused(bytes.fromhex(data.removeprefix("0x")))
        return answer["result"]

    def create(self, code: bytes) -> str:
        """A contract with this creation code."""
        return str(self.transact(None, code)["contractAddress"])

    def transact(self, to: str | None, data: bytes) -> dict[str, Any]:
        """A mined transaction's receipt."""
        request = {"from": self.sender, "data": "0x" + data.hex(), "gas": hex(16_000_000)}
        if to:
            request["to"] = to
        sent = self.rpc("eth_sendTransaction", request)
        receipt = None
        while receipt is None:
            receipt = self.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1", receipt
        return dict(receipt)

    def ask(self, to: str, data: bytes) -> bytes:
        """What a contract answers; `Refused` where it reverts."""
        request = {"from": self.sender, "to": to, "gas": hex(GAS)}
        answer = self.rpc("eth_call", {**request, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(answer.removeprefix("0x"))
