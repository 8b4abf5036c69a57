"""A deployed contract: its functions by name, its events decoded."""

from typing import Any

from eth_typing import HexStr
from web3.types import BlockIdentifier, TxParams

from avow.verifier.chain.abi import interface
from avow.verifier.chain.client import Chain, Log, checksum
from avow.verifier.chain.transactions import Call


class Contract:
    """A contract of this project at an address; structs go in as tuples and come out named."""

    def __init__(self, chain: Chain, name: str, address: bytes) -> None:
        self.chain = chain
        self.name = name
        self.address = address
        self._shown = checksum(address)
        self._interface = interface(name)

    def read(self, function: str, *arguments: Any, block: BlockIdentifier = "latest") -> Any:
        """What a view function returns; raises Reverted."""
        found = self._interface.function(function)
        with self.chain.speaking(found.name):
            data = HexStr("0x" + found.encode(arguments).hex())
            transaction: TxParams = {"to": self._shown, "data": data}
            return found.decode(self.chain.call(transaction, found.name, block))

    def call(self, function: str, *arguments: Any) -> Call:
        """A transaction that calls a function, for `transactions.send`."""
        found = self._interface.function(function)
        with self.chain.speaking(found.name):
            data = found.encode(arguments)
        return Call(found.name, self.address, data)

    def simulate(self, function: str, *arguments: Any, sender: bytes) -> bytes:
        """What a transaction would return now, were `sender` to send it; raises Reverted."""
        call = self.call(function, *arguments)
        transaction: TxParams = {
            "to": self._shown,
            "from": checksum(sender),
            "data": HexStr("0x" + call.data.hex()),
        }
        return self.chain.call(transaction, call.what)

    def topic(self, event: str) -> bytes:
        """The first topic of an event's logs."""
        return self._interface.event(event).topic

    def decode(self, event: str, log: Log) -> dict[str, Any]:
        """An event's arguments by name; structs are nested dictionaries."""
        with self.chain.speaking(event):
            topics = [bytes(topic) for topic in log.raw["topics"]]
            return self._interface.event(event).decode(topics, bytes(log.raw["data"]))
