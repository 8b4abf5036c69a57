"""The proving half of `tee/v1` as jobs use it: nothing is proven, an enclave signs the answers."""

from __future__ import annotations

from collections.abc import Sequence

from avow.prover.catalogue import Compiled
from avow.prover.enclave.client import ask
from avow.prover.errors import Refused
from avow.prover.systems.system import Answer, Limits, Proof, Tick
from avow.verifier.statement import Statement
from avow.verifier.tensor import Tensor, parse_tensor
from avow.verifier.trace.inputs import commit_input

# Powers of two, as a market settles; more answers than this make the paths longer for all.
_SIZES = tuple(2**doublings for doublings in range(11))


class TeeProver:
    """Answers with artifacts that `avow compile --system tee` made, by this worker's enclave."""

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        """The exact program's own output; the input is public, so that nothing is salted."""
        request = {
            "do": "answer",
            "record": compiled.record_digest,
            "inputs": [tensor.to_json() for tensor in inputs],
        }
        reply = ask(request, "running", limits, tick)
        outputs = tuple(map(parse_tensor, reply["outputs"]))
        return Answer(outputs, commit_input(inputs), str(reply["provider"]))

    def sign(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        statements: Sequence[Statement],
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """One receipt for all statements; the enclave signs none that it has not computed."""
        request = {
            "do": "sign",
            "record": compiled.record_digest,
            "answers": [
                {
                    "statement": statement.to_json(),
                    "inputs": [tensor.to_json() for tensor in sample],
                }
                for sample, statement in zip(inputs, statements, strict=True)
            ],
        }
        reply = ask(request, "signing", limits, tick)
        return [
            Proof(tuple(map(parse_tensor, outputs)), reply["receipt"], reply["material"])
            for outputs in reply["outputs"]
        ]

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        """Refused: a root alone does not say what would be signed."""
        raise Refused("an enclave signs statements, not roots")

    def batch_sizes(self, compiled: Compiled) -> tuple[int, ...]:
        """Powers of two up to 1024: a receipt costs the same for any number."""
        return _SIZES

    def batch_memory(self, compiled: Compiled, size: int) -> int:
        """What the record predicts: answers are computed one after the other."""
        return compiled.record.proving_memory_bytes

    def prove_batch(
        self,
        compiled: Compiled,
        inputs: Sequence[Sequence[Tensor]],
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> list[Proof]:
        """Refused, as `prove` is."""
        raise Refused("an enclave signs statements, not roots")
