"""Reading packed bytes of vendors' evidence, refusing whatever is cut short or left over."""

from typing import Literal

from avow.verifier.errors import VerificationError


class Reader:
    """A place in bytes that only moves forward; `what` names them in errors."""

    __slots__ = ("_at", "_data", "_order", "_what")

    def __init__(self, data: bytes, what: str, order: Literal["little", "big"] = "little") -> None:
        self._data = data
        self._at = 0
        self._what = what
        self._order: Literal["little", "big"] = order

    @property
    def at(self) -> int:
        """How many bytes were read."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left:
            raise VerificationError(
                "parse", f"{self._what} ends after {len(self._data)} bytes, in the middle"
            )
        self._at += count
        return self._data[self._at - count : self._at]

    def unsigned(self, width: int) -> int:
        """The next `width` bytes as an unsigned integer."""
        return int.from_bytes(self.take(width), self._order)

    def end(self) -> None:
        """Refuse anything that is left."""
        if self.left:
            raise VerificationError("parse", f"{self._what} has {self.left} bytes too many")
