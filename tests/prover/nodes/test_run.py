"""A node's loop: whatever fails is one line in its log, and the next step is taken."""

import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.prover.errors import ProverError, Refused
from avow.prover.nodes.node import run
from avow.verifier.chain.errors import RpcRefused, TransactionPending
from avow.verifier.errors import VerificationError

FAILURES = [
    ProverError("an artifact is gone"),
    Refused("it cannot be run"),
    ModelError("a model record is damaged"),
    CircuitError("an artifact is damaged"),
    VerificationError("key", "it is of another program"),
    TransactionPending("another transaction waits"),
    RpcRefused("the node has other things to do"),
]


class Failing:
    """Fails once with each of the failures, then ends the loop."""

    role = "provider"

    def __init__(self, failures: list[Exception]) -> None:
        self.failures = list(failures)
        self.stop = threading.Event()

    def step(self) -> bool:
        if not self.failures:
            self.stop.set()
            return False
        raise self.failures.pop(0)


def test_whatever_fails_is_one_line_and_the_next_step_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node: Any = Failing(FAILURES)
    with caplog.at_level(logging.WARNING, "avow.node"):
        run(node, node.stop, poll=0.0, longest_pause=0.0)
    assert [record.getMessage() for record in caplog.records] == [
        f"role=provider waits 0 s: {failure}" for failure in FAILURES
    ]
    assert not any(record.exc_info for record in caplog.records)


def test_a_defect_is_not_hidden() -> None:
    node: Any = SimpleNamespace(role="provider", step=lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(node, threading.Event())
