"""The task `infer`: the proven program's own output becomes the published answer."""

from __future__ import annotations

from avow.prover import memory
from avow.prover.bench import Bench
from avow.prover.casefile import CaseFile, open_case
from avow.prover.errors import Refused
from avow.prover.job import output_text
from avow.prover.leases import Lease
from avow.prover.publication import StoredAnswer, publish_answer
from avow.prover.pulse import Pulse
from avow.prover.request import check_inputs
from avow.prover.systems.system import Answer, Limits
from avow.prover.tracing import span
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex


def infer(bench: Bench, lease: Lease) -> None:
    """Answers one job: check the input, run the preview, the exact program and the system, publish.

    Raises WorkFailed or RequestRefused for what went wrong, LeaseLost when cancelled.
    """
    case = open_case(bench, lease)
    pulse = Pulse(bench, lease)
    check_inputs(case.inputs, case.compiled.model.inputs)
    pulse("preview", None)
    preview = bench.preview(case.compiled, case.inputs)
    program = bench.program(bench.config.home, case.compiled, case.inputs)
    pulse("running", None)
    limits = Limits(bench.config.infer_seconds, bench.config.prove_memory or memory.available())
    with span("answer", system=case.compiled.record.system):
        answer = case.system.answer(case.compiled, case.inputs, case.salt, limits, pulse)
    _check_outputs(case, answer)
    stored = StoredAnswer(
        outputs=output_text(answer.outputs, case.compiled.record.outputs),
        input_scheme=int(answer.input.scheme),
        input_value=to_hex(answer.input.value),
        preview=preview.to_text(),
        seconds=pulse.seconds,
        program=None if program is None else program.to_text(),
        provider=answer.provider,
        system=case.compiled.record.system,
    )
    with bench.database.write() as session:
        publish_answer(session, lease, stored, bench.clock())


def _check_outputs(case: CaseFile, answer: Answer) -> None:
    specs = case.compiled.record.outputs
    if len(specs) != len(answer.outputs):
        raise Refused(f"the program gave {len(answer.outputs)} outputs, expected {len(specs)}")
    for spec, tensor in zip(specs, answer.outputs, strict=True):
        try:
            spec.check(tensor)
        except VerificationError as error:
            raise Refused(f"the program's output is out of its schema: {error.message}") from error
