"""What the timelock of a deployment decides: proposed, and executed when its delay is over."""

from dataclasses import dataclass

from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deployment import Deployment
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import PATIENT, Call, Patience, send
from avow.verifier.keccak import ZERO_WORD

_UNKNOWN, _WAITING, _READY, _DONE = range(4)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it was executed now; otherwise the Unix time from which it can be."""

    executed: bool
    ready_at: int = 0


class Governance:
    """The timelock that owns the contracts of a deployment."""

    def __init__(self, chain: Chain, deployment: Deployment, patience: Patience = PATIENT) -> None:
        self._chain = chain
        self._timelock = Contract(chain, "Timelock", deployment.placed("timelock").address)
        self._patience = patience

    def decide(self, signer: Signer, call: Call) -> Decision:
        """Proposes a call, or executes it where its delay is over: called again, it goes on.

        What was decided before can be decided once more. The signer has to be allowed to propose
        and to execute; raises Reverted.
        """
        number = 0
        while (found := self._state(call, number))[0] == _DONE:
            number += 1
        state, ready_at = found
        words = (*_words(call), number.to_bytes(32, "big"))
        if state == _UNKNOWN:
            delay = int(self._timelock.read("getMinDelay"))
            send(
                self._chain, signer, self._timelock.call("schedule", *words, delay), self._patience
            )
            state, ready_at = self._state(call, number)
        if state != _READY:
            return Decision(False, ready_at)
        send(self._chain, signer, self._timelock.call("execute", *words), self._patience)
        return Decision(True)

    def _state(self, call: Call, number: int) -> tuple[int, int]:
        words = (*_words(call), number.to_bytes(32, "big"))
        operation = self._timelock.read("hashOperation", *words)
        state = int(self._timelock.read("getOperationState", operation))
        return state, int(self._timelock.read("getTimestamp", operation))


def _words(call: Call) -> tuple[object, ...]:
    if call.to is None:
        raise ValueError("the timelock creates no contract")
    return checksum(call.to), 0, call.data, ZERO_WORD
