"""A strict reader of the CBOR (RFC 8949) in which Nitro documents are written.

Every integer and length must have its shortest form, no key may come twice, nothing may trail.
Maps may have indefinite length, since the Nitro security module writes its payload so; text,
byte strings and lists may not. Tags, floats and simple values but null and booleans are refused.
"""

from avow.verifier.attestation.reader import Reader
from avow.verifier.errors import VerificationError

MAX_DEPTH = 4
MAX_ITEMS = 64

Key = int | str
Value = int | bytes | str | bool | None | list["Value"] | dict[Key, "Value"]

_SIMPLE: dict[int, bool | None] = {20: False, 21: True, 22: None}
_BREAK = 0xFF
_INDEFINITE_MAP = 0xBF


def parse_cbor(data: bytes, what: str) -> Value:
    """The one value that `data` holds; `what` names it in errors."""
    reader = Reader(data, what, "big")
    value = _value(reader, reader.unsigned(1), what, 0)
    reader.end()
    return value


def _value(reader: Reader, first: int, what: str, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise VerificationError("parse", f"{what} is nested deeper than {MAX_DEPTH} levels")
    major, low = first >> 5, first & 31
    if first == _INDEFINITE_MAP:
        return _map(reader, None, what, depth)
    if major == 7:
        if low not in _SIMPLE:
            raise VerificationError("parse", f"{what} holds CBOR of kind 0x{first:02x}")
        return _SIMPLE[low]
    number = _argument(reader, low, what)
    if major == 0:
        return number
    if major == 1:
        return -1 - number
    if major == 2:
        return reader.take(number)
    if major == 3:
        return _text(reader.take(number), what)
    if major == 4:
        _bounded(number, what)
        return [_value(reader, reader.unsigned(1), what, depth + 1) for _ in range(number)]
    if major == 5:
        return _map(reader, number, what, depth)
    raise VerificationError("parse", f"{what} holds a CBOR tag")


def _map(reader: Reader, count: int | None, what: str, depth: int) -> dict[Key, Value]:
    found: dict[Key, Value] = {}
    while count is None or len(found) < count:
        _bounded(len(found) if count is None else count, what)
        first = reader.unsigned(1)
        if count is None and first == _BREAK:
            break
        key = _value(reader, first, what, depth + 1)
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise VerificationError("parse", f"{what} has a map key that is no text or integer")
        if key in found:
            raise VerificationError("parse", f"{what} has the map key {str(key)[:60]!r} twice")
        found[key] = _value(reader, reader.unsigned(1), what, depth + 1)
    return found


def _argument(reader: Reader, low: int, what: str) -> int:
    if low < 24:
        return low
    if low > 27:
        raise VerificationError("parse", f"{what} holds CBOR of indefinite length")
    width = 1 << (low - 24)
    number = reader.unsigned(width)
    if number < 24 or (width > 1 and number < 1 << (4 * width)):
        raise VerificationError("parse", f"{what} holds a number not in its shortest form")
    return number


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise VerificationError("parse", f"{what} holds text that is not ASCII") from error


def _bounded(items: int, what: str) -> None:
    if items > MAX_ITEMS:
        raise VerificationError("parse", f"{what} has more than {MAX_ITEMS} items in one place")
