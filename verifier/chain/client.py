"""A node's JSON-RPC, spoken so that one chain is pinned and every failure is a ChainError."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from eth_abi.exceptions import DecodingError
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import (
    BadFunctionCallOutput,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import BlockIdentifier, FilterParams, LogReceipt, RPCEndpoint, TxParams

from avow.verifier.chain import artifacts
from avow.verifier.chain.connection import Connection
from avow.verifier.chain.errors import ChainError, Reverted, RpcRefused, RpcUnavailable, WrongChain
from avow.verifier.chain.reverts import ErrorTable, error_table
from avow.verifier.keccak import keccak256

_TIMEOUT_SECONDS = 20
# One of a log's topics as it is asked for: this one, any of these, or any at all.
Topic = bytes | list[bytes] | None
_TRANSPORT = (requests.RequestException, ConnectionError, TimeoutError, json.JSONDecodeError)


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number, hash, its parent's hash, and its time in Unix seconds."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class Log:
    """One event as the node gives it, and where it stands."""

    address: bytes
    block: int
    index: int
    transaction: bytes
    raw: LogReceipt


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction that succeeded; `contract` is the address that it created, if any."""

    transaction: bytes
    block: int
    block_hash: bytes
    gas_used: int
    contract: bytes | None
    logs: tuple[Log, ...]


class Chain:
    """Reading one chain. `chain_id` pins it: a node of another chain is refused at once."""

    def __init__(self, url: str, chain_id: int | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RpcUnavailable(f"RPC: expected http(s)://HOST..., got {parts.scheme[:20]!r}://")
        # Paths and queries of RPC addresses hold access keys: they are not for errors or logs.
        self.shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        retry = ExceptionRetryConfiguration(
            errors=(requests.ConnectionError, requests.Timeout, requests.HTTPError),
            retries=3,
            backoff_factor=0.1,
        )
        with self.speaking():
            provider = HTTPProvider(
                url,
                request_kwargs={"timeout": _TIMEOUT_SECONDS},
                session=Connection(url),
                exception_retry_configuration=retry,
            )
            # A contract must not be able to make this process fetch addresses (EIP-3668).
            provider.global_ccip_read_enabled = False
            self.w3 = Web3(provider, middleware=[])
            found = int(self.w3.eth.chain_id)
        if chain_id is not None and found != chain_id:
            raise WrongChain(f"RPC {self.shown}: expected chain {chain_id}, it is chain {found}")
        self.chain_id = found

    @contextmanager
    def speaking(self, what: str = "call") -> Iterator[None]:
        """Turns whatever goes wrong while speaking to the node into a ChainError."""
        try:
            yield
        except ChainError:
            raise
        except ContractLogicError as error:
            raise self.reverted(_revert_data(error), what) from error
        except BadFunctionCallOutput as error:
            raise RpcRefused(f"{what}: no such contract is deployed there") from error
        except _TRANSPORT as error:
            said = type(error).__name__
            raise RpcUnavailable(f"RPC {self.shown}: no answer ({said})") from error
        except Web3RPCError as error:
            raise RpcRefused(f"RPC {self.shown}: {rpc_message(error)}") from error
        except (
            Web3Exception,
            DecodingError,
            ValueError,
            TypeError,
            KeyError,
            OverflowError,
        ) as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise RpcRefused(f"RPC {self.shown}: unusable answer ({said})") from error

    def reverted(self, data: bytes, what: str) -> Reverted:
        """The error for a contract's revert data."""
        name, arguments = known_errors().describe(data)
        return Reverted(name, arguments, what)

    def head(self) -> Block:
        """The newest block."""
        block = self._block("latest")
        if block is None:
            raise RpcRefused(f"RPC {self.shown}: it has no newest block")
        return block

    def block(self, number: int) -> Block | None:
        """The block of a number, None when the chain has none (yet, or any more)."""
        return self._block(hex(number))

    def _block(self, which: str) -> Block | None:
        with self.speaking():
            raw = self.ask("eth_getBlockByNumber", which, False)
            if raw is None:
                return None
            return Block(
                int(raw["number"], 16),
                bytes(HexBytes(raw["hash"])),
                bytes(HexBytes(raw["parentHash"])),
                int(raw["timestamp"], 16),
            )

    def ask(self, method: str, *parameters: object) -> Any:
        """What a node answers to a method of JSON-RPC, as it came; to be called `speaking`."""
        return self.w3.manager.request_blocking(RPCEndpoint(method), list(parameters))

    def balance(self, account: bytes) -> int:
        """An account's balance in wei."""
        with self.speaking():
            return int(self.w3.eth.get_balance(checksum(account)))

    def code(self, address: bytes) -> bytes:
        """The runtime code at an address; empty when there is none."""
        with self.speaking():
            return bytes(self.w3.eth.get_code(checksum(address)))

    def call(self, transaction: TxParams, what: str, block: BlockIdentifier = "latest") -> bytes:
        """`eth_call`: what the contract returns, nothing is changed. Raises Reverted."""
        with self.speaking(what):
            return bytes(self.w3.eth.call(transaction, block_identifier=block))

    def logs(
        self, address: bytes, first: int, last: int, topics: Sequence[Topic] = ()
    ) -> list[Log]:
        """A contract's events in the blocks `first` to `last`, oldest first."""
        query: FilterParams = {
            "address": checksum(address),
            "fromBlock": cast(Any, first),
            "toBlock": cast(Any, last),
        }
        if topics:
            query["topics"] = [_asked(topic) for topic in topics]
        with self.speaking():
            found = [parse_log(raw) for raw in self.w3.eth.get_logs(query)]
        return sorted(found, key=lambda log: (log.block, log.index))

    def transactions_of(self, account: bytes, block: int | None) -> int:
        """How many transactions of an account were mined up to a block; None counts those that
        wait, too."""
        at: BlockIdentifier = "pending" if block is None else cast(Any, block)
        with self.speaking():
            return int(self.w3.eth.get_transaction_count(checksum(account), at))

    def receipt(self, transaction: bytes) -> tuple[Receipt, bool] | None:
        """The receipt of a transaction and whether it succeeded; None while it is not mined."""
        with self.speaking():
            try:
                raw = self.w3.eth.get_transaction_receipt(HexBytes(transaction))
            except TransactionNotFound:
                return None
            created = raw.get("contractAddress")
            receipt = Receipt(
                transaction=bytes(raw["transactionHash"]),
                block=int(raw["blockNumber"]),
                block_hash=bytes(raw["blockHash"]),
                gas_used=int(raw["gasUsed"]),
                contract=unchecksum(created) if created else None,
                logs=tuple(parse_log(log) for log in raw["logs"]),
            )
            return receipt, int(raw["status"]) == 1


def _asked(topic: Topic) -> Any:
    if topic is None or isinstance(topic, bytes):
        return None if topic is None else HexBytes(topic)
    return [HexBytes(one) for one in topic]


def parse_log(raw: LogReceipt) -> Log:
    """A node's log in checked form."""
    return Log(
        address=unchecksum(raw["address"]),
        block=int(raw["blockNumber"]),
        index=int(raw["logIndex"]),
        transaction=bytes(raw["transactionHash"]),
        raw=raw,
    )


def checksum(address: bytes) -> ChecksumAddress:
    """The text form of a 20-byte address."""
    if len(address) != 20:
        raise RpcRefused(f"address: expected 20 bytes, got {len(address)}")
    return to_checksum_address(address)


def unchecksum(address: str) -> bytes:
    """The 20 bytes of an address in text form."""
    data = bytes.fromhex(address.removeprefix("0x"))
    if len(data) != 20:
        raise RpcRefused(f"address: expected 20 bytes, got {len(data)}")
    return data


def code_hash(code: bytes) -> bytes:
    """EXTCODEHASH of runtime code."""
    return keccak256(code)


def rpc_message(error: Web3RPCError) -> str:
    """What a node said, in one bounded line."""
    response = error.rpc_response
    said: object = response.get("error") if response else None
    if isinstance(said, dict):
        said = said.get("message")
    return " ".join(str(said or error).split())[:200]


def _revert_data(error: ContractLogicError) -> bytes:
    data: object = error.data
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""


@cache
def known_errors() -> ErrorTable:
    return error_table(artifacts.known_abis())
