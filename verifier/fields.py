"""Reading one checked field out of parsed JSON."""

import base64
import binascii
import re
from collections.abc import Set

from avow.verifier.canonical import Json, names
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS

_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


class Fields:
    """An object whose keys are exactly the expected ones; every read is checked.

    `what` names the object in errors. Unknown and missing keys are refused on construction.
    """

    __slots__ = ("_values", "_what")

    def __init__(
        self,
        value: Json,
        what: str,
        required: Set[str],
        optional: Set[str] = frozenset(),
    ) -> None:
        if not isinstance(value, dict):
            raise VerificationError("parse", f"{what} must be an object, got {_kind(value)}")
        missing = sorted(required - value.keys())
        unknown = sorted(value.keys() - required - optional)
        if missing:
            raise VerificationError("parse", f"{what} lacks {names(missing)}")
        if unknown:
            raise VerificationError("parse", f"{what} has unknown {names(unknown)}")
        self._values = value
        self._what = what

    def has(self, key: str) -> bool:
        """Whether an optional key is present."""
        return key in self._values

    def raw(self, key: str) -> Json:
        """The unchecked value of `key`, for a parser of its own."""
        return self._values[key]

    def text(self, key: str, max_characters: int = LIMITS.text_characters) -> str:
        """An ASCII string without control characters."""
        value = self._values[key]
        if not isinstance(value, str):
            raise self._bad(key, "a string", value)
        if len(value) > max_characters:
            raise VerificationError(
                "parse",
                f"{self._what}.{key} may have {max_characters} characters, it has {len(value)}",
            )
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise VerificationError("parse", f"{self._what}.{key} holds a control character")
        return value

    def name(self, key: str) -> str:
        """A non-empty short string."""
        value = self.text(key, LIMITS.name_characters)
        if not value:
            raise VerificationError("parse", f"{self._what}.{key} is empty")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the allowed strings."""
        value = self.text(key)
        if value not in allowed:
            raise VerificationError(
                "parse", f"{self._what}.{key} must be one of {names(allowed)}, got {value[:60]!r}"
            )
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """An integer in [low, high]."""
        value = self._values[key]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._bad(key, "an integer", value)
        if not low <= value <= high:
            raise VerificationError(
                "parse", f"{self._what}.{key} must lie in [{low}, {high}], got {value}"
            )
        return value

    def boolean(self, key: str) -> bool:
        """A JSON boolean."""
        value = self._values[key]
        if not isinstance(value, bool):
            raise self._bad(key, "true or false", value)
        return value

    def decimal(self, key: str, bits: int) -> int:
        """An unsigned integer of at most `bits` bits, written as a decimal string."""
        value = self._values[key]
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            raise self._bad(key, "a decimal string without leading zeros", value)
        number = int(value)
        if number >= 2**bits:
            raise VerificationError("parse", f"{self._what}.{key} exceeds {bits} bits")
        return number

    def octets(self, key: str, length: int) -> bytes:
        """Exactly `length` bytes in lower-case hexadecimal with 0x."""
        return parse_hex(self._values[key], length, f"{self._what}.{key}")

    def blob(self, key: str, max_bytes: int) -> bytes:
        """Bytes in canonical standard base64 with padding."""
        value = self._values[key]
        if not isinstance(value, str):
            raise self._bad(key, "base64 text", value)
        if len(value) > (max_bytes + 2) // 3 * 4:
            raise VerificationError("parse", f"{self._what}.{key} exceeds {max_bytes} bytes")
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._bad(key, "base64 text", value) from error
        if base64.b64encode(data).decode("ascii") != value:
            raise VerificationError("parse", f"{self._what}.{key} is not canonical base64")
        return data

    def items(self, key: str, low: int, high: int) -> list[Json]:
        """A list of low to high items."""
        value = self._values[key]
        if not isinstance(value, list):
            raise self._bad(key, "a list", value)
        if not low <= len(value) <= high:
            raise VerificationError(
                "parse", f"{self._what}.{key} must have {low} to {high} items, got {len(value)}"
            )
        return value

    def _bad(self, key: str, expected: str, value: Json) -> VerificationError:
        return VerificationError(
            "parse", f"{self._what}.{key} must be {expected}, got {_kind(value)}"
        )


def parse_hex(value: Json, length: int, what: str) -> bytes:
    """Exactly `length` bytes from lower-case hexadecimal with 0x."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise VerificationError(
            "parse", f"{what} must be 0x and lower-case hexadecimal digits, got {_kind(value)}"
        )
    data = bytes.fromhex(value[2:])
    if len(data) != length:
        raise VerificationError("parse", f"{what} must have {length} bytes, got {len(data)}")
    return data


def to_hex(data: bytes) -> str:
    """The form that `parse_hex` reads."""
    return "0x" + data.hex()


def to_base64(data: bytes) -> str:
    """The form that `Fields.blob` reads."""
    return base64.b64encode(data).decode("ascii")


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"text {value[:40]!r}"
    return f"{type(value).__name__} {str(value)[:40]}"
