"""The errors of this room: one base class, one clear line each."""


class CircuitError(Exception):
    """A model cannot be compiled, an artifact or SRS cannot be used, or a step failed.

    The message is one line for a person: what was expected and what came.
    """


class InputRefused(CircuitError):
    """An input within its declared range that this circuit cannot run; trying again is no use."""


class StepFailed(CircuitError):
    """A child process ended without a result: it refused its input, panicked or was killed."""


class LimitExceeded(StepFailed):
    """A child process wanted more time or memory than its limits allow."""


class StepCancelled(CircuitError):
    """The caller asked for a step to stop, and it did."""
