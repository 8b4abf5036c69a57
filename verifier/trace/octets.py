"""Reading packed big-endian bytes, refusing whatever is cut short or left over."""

from avow.verifier.errors import VerificationError


def malformed(message: str) -> VerificationError:
    """The refusal of bytes that are no well-formed part of a trace or refutation."""
    return VerificationError("trace", message)


class Octets:
    """A place in bytes that only moves forward."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self._data) - self._at:
            raise malformed(f"{self._what} ends after {len(self._data)} bytes")
        self._at += count
        return self._data[self._at - count : self._at]

    def unsigned(self, width: int) -> int:
        """The next `width` bytes as an unsigned integer."""
        return int.from_bytes(self.take(width), "big")

    def signed(self, width: int = 8) -> int:
        """The next `width` bytes as a two's complement integer."""
        return int.from_bytes(self.take(width), "big", signed=True)

    def word(self) -> bytes:
        """The next 32 bytes: a hash."""
        return self.take(32)

    def end(self) -> None:
        """Refuse anything that is left."""
        if self._at != len(self._data):
            raise malformed(f"{self._what} has {len(self._data) - self._at} bytes too many")
