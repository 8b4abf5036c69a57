"""What this package encodes and decodes is what web3's own contracts encode and decode."""

from importlib import resources
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.providers.base import BaseProvider

from avow.verifier.chain import artifacts
from avow.verifier.chain.abi import interface
from avow.verifier.chain.errors import RpcRefused

NAMES = sorted(
    entry.name.removesuffix(".json")
    for entry in resources.files(artifacts).iterdir()
    if entry.name.endswith(".json")
)
W3 = Web3(BaseProvider(), middleware=[])
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"


def sample(parameter: dict[str, Any], seed: int) -> Any:
    """Some value of a parameter's type; other seeds give other values."""
    kind = parameter["type"]
    if kind.endswith("]"):
        head, size = kind[: kind.rindex("[")], kind[kind.rindex("[") + 1 : -1]
        inner = {**parameter, "type": head}
        return [sample(inner, seed + at) for at in range(int(size or 3))]
    if kind == "tuple":
        return tuple(sample(one, seed + at) for at, one in enumerate(parameter["components"]))
    if kind == "address":
        return ADDRESS if seed % 2 else to_checksum_address(octets(20))
    if kind == "bool":
        return seed % 2 == 1
    if kind == "string":
        return f"text {seed}"
    if kind == "bytes":
        return octets(seed % 70)
    if kind.startswith("bytes"):
        return octets(int(kind[5:]))
    return seed % 100 if kind.startswith("uint") else -(seed % 100)


def octets(size: int) -> bytes:
    """So many bytes."""
    return bytes(range(1, size + 1))


def samples(parameters: list[dict[str, Any]]) -> list[Any]:
    """Values for several parameters."""
    return [sample(one, 3 * at + 1) for at, one in enumerate(parameters)]


def types(parameters: list[dict[str, Any]]) -> list[str]:
    """The parameters' types."""
    return [collapse_if_tuple(one) for one in parameters]


def plain(value: Any) -> Any:
    """Without the names of its fields."""
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value


def elements(name: str, kind: str) -> list[dict[str, Any]]:
    """What an ABI has of a kind."""
    return [one for one in artifacts.load(name).abi if one["type"] == kind]


@pytest.mark.parametrize("name", NAMES)
def test_calls_and_results_are_those_of_web3(name: str) -> None:
    theirs = W3.eth.contract(abi=artifacts.load(name).abi, address=ADDRESS)  # type: ignore
    for element in elements(name, "function"):
        mine, values = interface(name).function(element["name"]), samples(element["inputs"])
        assert mine.name == f"{name}.{element['name']}"
        expected = theirs.encode_abi(element["name"], args=values)
        assert mine.encode(values).hex() == expected[2:], element["name"]
        returned = samples(element["outputs"])
        decoded = mine.decode(encode(types(element["outputs"]), returned))
        wanted = returned[0] if len(returned) == 1 else returned
        assert plain(decoded) == plain(wanted), element["name"]


@pytest.mark.parametrize("name", NAMES)
def test_events_are_those_of_web3(name: str) -> None:
    theirs = W3.eth.contract(abi=artifacts.load(name).abi, address=ADDRESS)  # type: ignore
    for element in elements(name, "event"):
        event = interface(name).event(element["name"])
        indexed = [one for one in element["inputs"] if one["indexed"]]
        held = [one for one in element["inputs"] if not one["indexed"]]
        topics = [event.topic]
        topics += [encode([collapse_if_tuple(one)], [sample(one, 5)]) for one in indexed]
        data = encode(types(held), samples(held))
        raw: Any = {"topics": topics, "data": data, "address": ADDRESS, "logIndex": 0}
        raw |= {"transactionIndex": 0, "transactionHash": b"", "blockHash": b"", "blockNumber": 0}
        assert event.decode(topics, data) == dict(
            theirs.get_event_by_name(element["name"])().process_log(raw)["args"]
        )
        with pytest.raises(RpcRefused, match=f"{name}: a log that is no {element['name']}"):
            event.decode([bytes(32), *topics[1:]], data)
        with pytest.raises(RpcRefused, match="a log that is no"):
            event.decode([*topics, bytes(32)], data)
        if held:
            with pytest.raises(DecodingError):
                event.decode(topics, data[:-1])


def test_structs_come_out_named_and_addresses_with_their_checksum() -> None:
    (element,) = (one for one in elements("Market", "function") if one["name"] == "orderOf")
    values = samples(element["outputs"])
    order = (
        interface("Market").function("orderOf").decode(encode(types(element["outputs"]), values))
    )
    for field, value in zip(element["outputs"][0]["components"], values[0], strict=True):
        assert plain(getattr(order, field["name"])) == plain(value)
    owner = interface("Market").function("owner")
    assert owner.decode(bytes(12) + bytes.fromhex(ADDRESS[2:])) == ADDRESS


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    market = interface("Market")
    leg = market.function("legOf")
    with pytest.raises(RpcRefused, match=r"Market.legOf: no such contract is deployed there"):
        leg.decode(b"")
    for arguments in ((bytes(32),), (bytes(31), 0), (bytes(33), 0), (bytes(32), -1), ("x", 0)):
        with pytest.raises(RpcRefused, match=r"Market.legOf: arguments that are not") as caught:
            leg.encode(arguments)
        assert "\n" not in str(caught.value)
    with pytest.raises(RpcRefused, match="Market: it has no function other"):
        market.function("other")
    with pytest.raises(RpcRefused, match="Market: it has no event other"):
        market.event("other")


def test_a_constructor_takes_what_web3_gives_it() -> None:
    for name in NAMES:
        artifact = artifacts.load(name)
        factory = W3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        for element in elements(name, "constructor"):
            values = samples(element["inputs"])
            expected = factory.constructor(*values).data_in_transaction
            mine = artifact.bytecode + interface(name).creation(values)
            assert mine.hex() == str(expected)[2:]
