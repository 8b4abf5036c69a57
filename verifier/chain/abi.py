"""A contract's ABI, read once: its functions' arguments encoded, results and events decoded."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from eth_abi.codec import ABICodec
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.providers.base import BaseProvider

from avow.verifier.chain import artifacts
from avow.verifier.chain.errors import RpcRefused
from avow.verifier.keccak import keccak256

_Parameters = Sequence[dict[str, Any]]
# What brings a decoded value into the form in which it is handed on.
_Form = Callable[[Any], Any]
# From a struct's field names to what makes a struct of its fields' values.
_Struct = Callable[[tuple[str, ...]], _Form]


@dataclass(frozen=True, slots=True)
class Function:
    """A function, `name` with its contract's: its selector of 4 bytes, and the types of what it
    takes and returns."""

    name: str
    selector: bytes
    takes: tuple[str, ...]
    returns: tuple[str, ...]
    _form: _Form

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """The call data for these arguments; structs are tuples."""
        return self.selector + _encode(self.takes, arguments, self.name)

    def decode(self, data: bytes) -> Any:
        """What it returned: a value, or a named tuple of several; so are structs.

        Raises RpcRefused when these are no such values, as where no contract stands.
        """
        try:
            found = _codec().decode(self.returns, data)
        except DecodingError as error:
            raise RpcRefused(f"{self.name}: no such contract is deployed there") from error
        values = self._form(found)
        return values[0] if len(values) == 1 else values


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its first topic of 32 bytes, and what further topics and the data hold."""

    contract: str
    name: str
    topic: bytes
    _indexed: tuple[tuple[str, str, _Form], ...]
    _types: tuple[str, ...]
    _form: _Form

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """The arguments of a log by name, structs as dictionaries; RpcRefused when it is of
        another event. Raises DecodingError or ValueError for data that is not of its types."""
        if len(topics) != 1 + len(self._indexed) or topics[0] != self.topic:
            raise RpcRefused(f"{self.contract}: a log that is no {self.name}")
        found = {}
        for (name, kind, form), topic in zip(self._indexed, topics[1:], strict=True):
            (value,) = _codec().decode((kind,), topic)
            found[name] = form(value)
        found.update(self._form(_codec().decode(self._types, data)))
        return found


@dataclass(frozen=True, slots=True)
class Interface:
    """A contract's functions and events by name."""

    name: str
    functions: Mapping[str, Function]
    events: Mapping[str, Event]
    _constructor: tuple[str, ...]

    def function(self, name: str) -> Function:
        """A function of this name; none is overloaded."""
        try:
            return self.functions[name]
        except KeyError:
            raise RpcRefused(f"{self.name}: it has no function {name}") from None

    def event(self, name: str) -> Event:
        """An event of this name."""
        try:
            return self.events[name]
        except KeyError:
            raise RpcRefused(f"{self.name}: it has no event {name}") from None

    def creation(self, arguments: Sequence[Any]) -> bytes:
        """The constructor's arguments as they stand behind the creation code."""
        return _encode(self._constructor, arguments, f"{self.name}.constructor")


@cache
def interface(contract: str) -> Interface:
    """The interface of a contract of this project."""
    functions: dict[str, Function] = {}
    events: dict[str, Event] = {}
    takes: tuple[str, ...] = ()
    for element in artifacts.load(contract).abi:
        kind, name = element["type"], element.get("name", "")
        if kind == "function":
            functions[name] = _function(contract, element)
        elif kind == "event":
            events[name] = _event(contract, element)
        elif kind == "constructor":
            takes = _types(element["inputs"])
    return Interface(contract, functions, events, takes)


def _function(contract: str, element: dict[str, Any]) -> Function:
    name, returned = f"{contract}.{element['name']}", element["outputs"]
    takes, returns = _types(element["inputs"]), _types(returned)
    return Function(name, _signed(element)[:4], takes, returns, _fields(returned, _named))


def _event(contract: str, element: dict[str, Any]) -> Event:
    inputs: _Parameters = element["inputs"]
    indexed = [(one["name"], *_topic(one)) for one in inputs if one["indexed"]]
    held = [one for one in inputs if not one["indexed"]]
    form = _fields(held, _mapped)
    return Event(contract, element["name"], _signed(element), tuple(indexed), _types(held), form)


def _signed(element: dict[str, Any]) -> bytes:
    text = f"{element['name']}({','.join(_types(element['inputs']))})"
    return keccak256(text.encode("ascii"))


def _types(parameters: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(collapse_if_tuple(one) for one in parameters)


def _topic(parameter: dict[str, Any]) -> tuple[str, _Form]:
    """The type of a topic: what is longer than a word stands there as its hash."""
    kind = collapse_if_tuple(parameter)
    if kind in ("string", "bytes") or kind.endswith((")", "]")):
        return "bytes32", _as_is
    return kind, _form(kind, parameter, _mapped)


def _form(kind: str, parameter: dict[str, Any], struct: _Struct) -> _Form:
    """The form for values of a type."""
    if kind.endswith("]"):
        inner = _form(kind[: kind.rindex("[")], parameter, struct)
        return list if inner is _as_is else lambda values: [inner(one) for one in values]
    if kind.startswith("("):
        return _fields(parameter["components"], struct)
    return to_checksum_address if kind == "address" else _as_is


def _fields(parameters: _Parameters, struct: _Struct) -> _Form:
    build = struct(tuple(one["name"] for one in parameters))
    forms = [_form(collapse_if_tuple(one), one, struct) for one in parameters]
    if all(form is _as_is for form in forms):
        return build
    return lambda values: build([form(one) for form, one in zip(forms, values, strict=True)])


def _named(names: tuple[str, ...]) -> _Form:
    # Values that an ABI leaves without a name get the number of their place.
    make: Any = namedtuple
    return cast(_Form, make("Values", names, rename=True)._make)


def _mapped(names: tuple[str, ...]) -> _Form:
    return lambda values: dict(zip(names, values, strict=True))


def _as_is(value: Any) -> Any:
    return value


def _encode(types: tuple[str, ...], values: Sequence[Any], what: str) -> bytes:
    try:
        return bytes(_codec().encode(types, list(values)))
    except EncodingError as error:
        said = " ".join(str(error).split())[:200]
        raise RpcRefused(f"{what}: arguments that are not of its types ({said})") from error


@cache
def _codec() -> ABICodec:
    # web3's own refuses bytes that are shorter than their type; eth-abi's would pad them.
    return Web3(BaseProvider(), middleware=[]).codec
