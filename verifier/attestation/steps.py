"""What was established about a piece of evidence, step by step, and what could not be."""

from dataclasses import dataclass
from enum import Enum

from avow.verifier.canonical import Json


class State(Enum):
    """How a step ended; the value is its wire name. One that fails raises `VerificationError`."""

    PASSED = "PASSED"
    NOT_CHECKED = "NOT CHECKED"


@dataclass(frozen=True, slots=True)
class Step:
    """One named step; `detail` says what it established, or why nothing could be."""

    name: str
    state: State
    detail: str

    def to_json(self) -> Json:
        """{name, state, detail}."""
        return {"name": self.name, "state": self.state.value, "detail": self.detail}


def passed(name: str, detail: str) -> Step:
    """A step that established something."""
    return Step(name, State.PASSED, detail)


def not_checked(name: str, detail: str) -> Step:
    """A step that cannot be done offline; never the end of one that failed."""
    return Step(name, State.NOT_CHECKED, detail)
