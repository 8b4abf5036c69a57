def backends() -> list[str]:
    """Name the backends that this processor can run, slowest first; the first is `portable`."""

def backend() -> str:
    """Name the backend in use: the fastest one, or the one that AVOW_NATIVE_BACKEND asked for."""

def set_backend(name: str) -> None:
    """Use another backend for what is made from now on; ValueError if it cannot run here."""

def threads() -> int:
    """Return how many threads a call may use, the caller's own included."""

def set_threads(count: int) -> None:
    """Set it: 1 to 256, otherwise ValueError."""

def keccak256(data: bytes) -> bytes:
    """Return the 32 bytes of Ethereum's Keccak-256."""

class Transcript:
    """The chained state that challenges are drawn from; `verifier` has the same in Python."""

    def __init__(self) -> None: ...
    def absorb(self, label: int, words: bytes) -> None:
        """Take up 32-byte words under a label of 0 to 255; otherwise ValueError."""

    def challenge(self, label: int) -> int:
        """Draw 248 bits that depend on all that was absorbed and drawn before."""
