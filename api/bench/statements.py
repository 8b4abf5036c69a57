"""What a measured proof states where no market asks for it."""

from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.records import SystemRecord
from avow.verifier.statement import OFF_CHAIN, ZERO_ADDRESS, Statement
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input


def off_chain(
    record: SystemRecord, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...], nonce: int
) -> Statement:
    """A statement of nobody's order; `nonce`, from 1, keeps equal answers apart."""
    return Statement(
        domain=OFF_CHAIN,
        model=record.model,
        system=record.system,
        program=record.program,
        key=record.key,
        input=commit_input(inputs),
        output=commit_public(outputs),
        order=ZERO_WORD,
        provider=ZERO_ADDRESS,
        nonce=nonce,
    )
