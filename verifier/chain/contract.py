"""A deployed contract: its functions by name, its events decoded."""

from typing import Any

from eth_typing import HexStr
from web3.exceptions import LogTopicError, MismatchedABI
from web3.types import BlockIdentifier, TxParams

from avow.verifier.chain import artifacts
from avow.verifier.chain.client import Chain, Log, checksum
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.chain.transactions import Call


class Contract:
    """A contract of this project at an address; structs go in as tuples and come out named."""

    def __init__(self, chain: Chain, name: str, address: bytes) -> None:
        self.chain = chain
        self.name = name
        self.address = address
        self._web3 = chain.w3.eth.contract(
            address=checksum(address), abi=artifacts.load(name).abi, decode_tuples=True
        )

    def read(self, function: str, *arguments: Any, block: BlockIdentifier = "latest") -> Any:
        """What a view function returns; raises Reverted."""
        with self.chain.speaking(f"{self.name}.{function}"):
            # get_function_by_name forgets decode_tuples.
            method = self._web3.functions[function]
            return method(*arguments).call(block_identifier=block)

    def call(self, function: str, *arguments: Any) -> Call:
        """A transaction that calls a function, for `transactions.send`."""
        with self.chain.speaking(f"{self.name}.{function}"):
            data = self._web3.encode_abi(function, args=list(arguments))
        return Call(f"{self.name}.{function}", self.address, bytes.fromhex(data[2:]))

    def simulate(self, function: str, *arguments: Any, sender: bytes) -> bytes:
        """What a transaction would return now, were `sender` to send it; raises Reverted."""
        call = self.call(function, *arguments)
        transaction: TxParams = {
            "to": checksum(self.address),
            "from": checksum(sender),
            "data": HexStr("0x" + call.data.hex()),
        }
        return self.chain.call(transaction, call.what)

    def topic(self, event: str) -> bytes:
        """The first topic of an event's logs."""
        with self.chain.speaking(event):
            return bytes.fromhex(self._web3.get_event_by_name(event).topic.removeprefix("0x"))

    def decode(self, event: str, log: Log) -> dict[str, Any]:
        """An event's arguments by name; structs are nested dictionaries."""
        try:
            with self.chain.speaking(event):
                found = self._web3.get_event_by_name(event)().process_log(log.raw)
        except RpcRefused as error:
            if isinstance(error.__cause__, LogTopicError | MismatchedABI):
                raise RpcRefused(f"{self.name}: a log that is no {event}") from error
            raise
        return dict(found["args"])
