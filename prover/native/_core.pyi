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
