"""Claims of `optimistic/v1`: the honest one convinces, and every liar that is looked at fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from avow.verifier.bundle import Bundle
from avow.verifier.cli import main
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.merkle import build
from avow.verifier.policy import Policy
from avow.verifier.program import operations as op
from avow.verifier.records import SystemRecord
from avow.verifier.systems.optimistic import effort
from avow.verifier.systems.optimistic.claim import Claim, material_json
from avow.verifier.systems.optimistic.effort import run_elements
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_input
from avow.verifier.verdict import Assurance, Verdict
from avow.verifier.verify import verify
from tests.programs.builder import Builder
from tests.programs.claims import FINAL_AT, case_of, every_case
from tests.programs.runs import CommittedRun
from tests.vectors.generate_optimistic import two_inputs

POLICY = Policy(minimum_assurance=Assurance.CHALLENGEABLE)
SEED = b"\x05" * 32
CASE = every_case()
RUN = CASE.run
INPUTS = len(RUN.program.inputs)
ELEMENTS = run_elements(RUN.program)


def said(bundle: Bundle, policy: Policy = POLICY, at: int | None = 1) -> Verdict:
    """The verdict on the bundle's bytes."""
    return verify(bundle.encode(), policy, at)


def refused(bundle: Bundle, match: str, policy: Policy = POLICY, step: str = "proof") -> None:
    """The bundle does not convince."""
    with pytest.raises(VerificationError, match=match) as error:
        said(bundle, policy)
    assert error.value.step == step


def sampling(elements: int, seed: bytes = SEED) -> Policy:
    """A policy for which a sample is enough."""
    return replace(POLICY, sample=Sample(elements, seed))


def number_of(tensor: int, element: int) -> int:
    """The place of an element among all that operations make."""
    before = sum(len(values) for values in RUN.values[INPUTS:tensor])
    return before + element


def test_an_honest_claim_is_challengeable_until_its_time() -> None:
    verdict = said(CASE.bundle())
    assert verdict.assurance is Assurance.CHALLENGEABLE
    assert (verdict.final, verdict.final_at) == (False, FINAL_AT)
    assert any(f"all {ELEMENTS} elements" in step.established for step in verdict.steps)
    assert any("provider's word" in line for line in verdict.not_checked)
    assert any("no deposit" in line for line in verdict.not_checked)
    # Whenever it is asked: a claim may have been made this second, and refuted the next.
    assert said(CASE.bundle(), at=None) == verdict
    for at, over in ((FINAL_AT - 1, False), (FINAL_AT, True), (10 * FINAL_AT, True)):
        later = said(CASE.bundle(), at=at)
        assert (later.assurance, later.final) == (Assurance.CHALLENGEABLE, False)
        assert any("is over" in line for line in later.not_checked) is over
    # Nothing needs to be shown of a run that is recomputed.
    assert said(CASE.bundle(claim=replace(CASE.claim(), tensors=None))).final_at == FINAL_AT


def test_the_default_policy_refuses_and_says_why() -> None:
    why = "the policy asks for PROVEN, the evidence gives CHALLENGEABLE"
    refused(CASE.bundle(), why, Policy(), "policy")


def test_the_command_line_says_not_final(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, wanted = tmp_path / "answer.avow.json", tmp_path / "policy.json"
    path.write_bytes(CASE.bundle().encode())
    sample = {"elements": 5, "seed": "0x" + SEED.hex()}
    value = {"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE", "sample": sample}
    wanted.write_text(json.dumps(value))
    arguments = [str(path), "--policy", str(wanted), "--at"]
    assert main([*arguments, "1"]) == 3
    out = capsys.readouterr().out
    assert f"ACCEPTED: CHALLENGEABLE until {FINAL_AT} (says the claim): not final" in out
    share = 10**4 * 5 // ELEMENTS / 10**4
    assert f"5 of {ELEMENTS} elements recomputed: a single wrong one would have been seen" in out
    assert f"probability {share:.4f}" in out
    assert "rests on       the seed of the sample" in out
    assert f"NOT CHECKED    {ELEMENTS - 5} elements of the run" in out
    assert main([*arguments, str(FINAL_AT)]) == 3
    assert (
        f"{FINAL_AT} is over: what became of the claim, the chain says" in capsys.readouterr().out
    )
    assert main([str(path), "--at", "1"]) == 1


def test_a_claim_that_says_that_its_window_ended_long_ago_is_not_final() -> None:
    """It may have been made this second; the record's window is an hour."""
    now, window = 1_900_000_000, 3600
    verdict = said(CASE.bundle(claim=replace(CASE.claim(), final_at=now - 10**9)), at=now)
    assert (verdict.assurance, verdict.final) == (Assurance.CHALLENGEABLE, False)
    assert not said(CASE.bundle(claim=replace(CASE.claim(), final_at=window)), at=now).final
    why = "final at 3599, before any window of 3600 s could end"
    refused(CASE.bundle(claim=replace(CASE.claim(), final_at=window - 1)), why)


@pytest.mark.parametrize("tensor", range(len(RUN.values)))
@pytest.mark.parametrize("shown", [True, False])
def test_a_flipped_element_of_any_tensor_is_found(tensor: int, shown: bool) -> None:
    run = RUN.flipped(tensor, len(RUN.values[tensor]) - 1)
    claim = CASE.claim(run)
    if not shown:
        claim = replace(claim, tensors=None)
    named = f"tensor {tensor}, element {len(RUN.values[tensor]) - 1}: "
    refused(CASE.bundle(run, claim), named if shown else "not that of the run's tensors")


def with_output(number: int) -> CommittedRun:
    """The honest trace, with another output stated than the one that it ends in."""
    right = RUN.outputs[number]
    wrong = Tensor(right.element_type, right.shape, (right.values[0] ^ 1, *right.values[1:]))
    outputs = (*RUN.outputs[:number], wrong, *RUN.outputs[number + 1 :])
    return replace(RUN, outputs=outputs)


@pytest.mark.parametrize("number", range(len(RUN.outputs)))
@pytest.mark.parametrize("policy", [POLICY, sampling(1)])
def test_another_output_than_the_runs_is_found_however_little_is_sampled(
    number: int, policy: Policy
) -> None:
    run = with_output(number)
    name = RUN.program.outputs[number].name
    refused(CASE.bundle(run, CASE.claim(run)), f"output '{name}' is not the run's", policy)


@pytest.mark.parametrize("policy", [POLICY, sampling(ELEMENTS), sampling(1)])
def test_a_trace_is_of_its_own_root_and_statement(policy: Policy) -> None:
    honest = CASE.claim()
    wrong = "not that of the run's tensors"
    refused(CASE.bundle(claim=replace(honest, trace=bytes(32))), wrong, policy)
    of_another = CASE.claim(statement=CASE.statement(nonce=8))
    refused(CASE.bundle(claim=of_another), wrong, policy)
    # What is shown is not what was committed to.
    lie = RUN.flipped(INPUTS, 0)
    refused(CASE.bundle(claim=CASE.claim(lie, stored=RUN.stored())), wrong, policy)


def test_a_batch_has_no_trace() -> None:
    first, second = CASE.statement(), CASE.statement(nonce=8)
    _, paths = build([first.digest(), second.digest()])
    refused(replace(CASE.bundle(), path=paths[0]), "one statement, not to a batch")


def test_a_sample_finds_what_it_sees_and_claims_no_more() -> None:
    tensor, place = INPUTS + 3, 4
    run = RUN.flipped(tensor, place)
    bundle = CASE.bundle(run, CASE.claim(run))
    wanted = number_of(tensor, place)
    sample = Sample(40, SEED)
    while wanted not in set(sample.places(ELEMENTS)):
        sample = Sample(40, bytes([sample.seed[0] + 1]) * 32)
    refused(bundle, f"tensor {tensor}, element {place}: ", replace(POLICY, sample=sample))

    def touched(seed: bytes) -> bool:
        """Whether this element is recomputed, or one that is made from it."""
        users = {
            at for at, step in enumerate(RUN.program.steps, INPUTS) if tensor in step.operation.of
        }
        ends = {number_of(at, 0): at for at in users}
        spans = [(start, start + len(RUN.values[at])) for start, at in ends.items()]
        places = set(Sample(3, seed).places(ELEMENTS))
        seen = any(low <= at < high for at in places for low, high in spans)
        return wanted in places or seen

    seed = next(bytes([n]) * 32 for n in range(256) if not touched(bytes([n]) * 32))
    verdict = said(bundle, sampling(3, seed))
    assert verdict.assurance is Assurance.CHALLENGEABLE
    proof = next(step for step in verdict.steps if step.name == "proof")
    assert f"3 of {ELEMENTS} elements" in proof.established
    assert f"{10**4 * 3 // ELEMENTS / 10**4:.4f}" in proof.established
    assert any(f"{ELEMENTS - 3} elements" in line for line in verdict.not_checked)
    # A sample of everything is everything.
    refused(bundle, f"tensor {tensor}, element {place}: ", sampling(10**6))


def test_a_sample_of_everything_accepts_the_honest_run() -> None:
    verdict = said(CASE.bundle(), sampling(10**6))
    assert any(f"all {ELEMENTS} elements" in step.established for step in verdict.steps)


def test_a_flipped_input_is_found_however_little_is_sampled() -> None:
    run = RUN.flipped(0, 3)
    refused(CASE.bundle(run, CASE.claim(run)), "tensor 0, element 3: ", sampling(1))


def test_a_value_that_no_run_has_is_found_however_little_is_sampled() -> None:
    clamped = next(
        at for at, values in enumerate(RUN.values) if at > INPUTS and max(values, default=0) <= 20
    )
    low, high = -128, 127
    run = RUN.with_value(clamped, 0, high if high not in RUN.values[clamped] else low)
    sample = sampling(1, bytes(32))
    refused(CASE.bundle(run, CASE.claim(run)), f"tensor {clamped} holds", sample)


def test_without_tensors_nothing_can_be_sampled() -> None:
    refused(
        CASE.bundle(claim=replace(CASE.claim(), tensors=None)),
        "nothing can be sampled",
        sampling(1),
    )


def changed(**details: object) -> Callable[[Bundle], Bundle]:
    """Records that say something else of the system."""

    def change(bundle: Bundle) -> Bundle:
        system: SystemRecord = replace(bundle.system, **details)  # type: ignore[arg-type]
        about = replace(bundle.statement, key=system.key, program=system.program)
        return replace(bundle, system=system, statement=about)

    return change


def material(change: Callable[[dict[str, object]], object]) -> Callable[[Bundle], Bundle]:
    """Material of which something is changed in place."""

    def changing(bundle: Bundle) -> Bundle:
        value = json.loads(json.dumps(bundle.material))
        change(value)
        return replace(bundle, material=value)

    return changing


def claimed(change: Callable[[Claim], Claim]) -> Callable[[Bundle], Bundle]:
    """Another claim."""
    return lambda bundle: replace(bundle, proof=change(CASE.claim()).to_json())


STORED = tuple(RUN.stored())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (changed(key=bytes(32)), "does not hash to the record's key"),
        (changed(program=bytes(32)), "program is not the record's"),
        (changed(measurements=(bytes(48),)), "no measurements"),
        (changed(details=()), "lacks 'window'"),
        (changed(details=(("window", "1"), ("note", "x"))), "unknown 'note'"),
        (material(lambda m: m.pop("blobs")), "lacks 'blobs'"),
        (material(lambda m: m.update(more=1)), "unknown 'more'"),
        (material(lambda m: m.update(format="avow-program-whole/2")), "must be one of"),
        (material(lambda m: m["blobs"].pop()), "constants, the bundle has"),  # type: ignore[attr-defined]
        (material(lambda m: m["blobs"].reverse()), "needs|not those"),  # type: ignore[attr-defined]
        (material(lambda m: m.update(program="AAAA")), "program"),
        (claimed(lambda c: replace(c, final_at=0)), "must lie in"),
        (claimed(lambda c: replace(c, tensors=STORED[:-1])), "the claim"),
        (claimed(lambda c: replace(c, tensors=(*STORED, b"\0"))), "the claim"),
        (claimed(lambda c: replace(c, tensors=(STORED[0][:-1], *STORED[1:]))), "has .* bytes"),
        (lambda bundle: replace(bundle, proof={}), "lacks"),
    ],
)
@pytest.mark.parametrize("policy", [POLICY, sampling(2)])
def test_what_is_malformed_or_of_another_record_is_refused(
    change: Callable[[Bundle], Bundle], match: str, policy: Policy
) -> None:
    with pytest.raises(VerificationError, match=match):
        said(change(CASE.bundle()), policy)


def test_another_programs_material_is_refused() -> None:
    blobs = list(RUN.blobs)
    blobs[0] = replace(blobs[0], data=bytes([blobs[0].data[0] ^ 1]) + blobs[0].data[1:])
    bundle = replace(CASE.bundle(), material=material_json(RUN.program, blobs))
    refused(bundle, "not those that the program names", step="program")


def test_what_takes_too_long_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "MOST_TERMS", 100)
    refused(CASE.bundle(), "have the policy ask for a", step="setup")
    refused(CASE.bundle(), "have the policy ask for a", sampling(10**6), "setup")
    assert said(CASE.bundle(), sampling(1)).assurance is Assurance.CHALLENGEABLE


@pytest.mark.parametrize("policy", [POLICY, sampling(50)], ids=["all", "sample"])
def test_a_claim_about_inputs_by_their_roots(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The honest one convinces; a trace, a statement or a bundle of another input does not."""
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 599)
    built = two_inputs()
    case = case_of(built.program, built.blobs)
    run = replace(case.run, scheme=Scheme.PUBLIC_TREE)
    verdict = said(case.bundle(run), policy)
    assert verdict.assurance is Assurance.CHALLENGEABLE
    lying = run.flipped(0, 599)
    refused(case.bundle(run, case.claim(lying, case.statement(run))), "tensor 0", policy)
    other = replace(run.inputs[0], values=lying.values[0])
    about = replace(case.bundle(run), inputs=(other, run.inputs[1]))
    refused(about, "the input is not the one", policy, "tensors")
    swapped = replace(case.bundle(run), inputs=run.inputs[::-1])
    refused(swapped, "the input is not the one", policy, "tensors")


def test_a_picture_is_claimed_and_verified() -> None:
    """3 x 224 x 224, which a digest commits to no more."""
    builder = Builder(Random(6))
    x = builder.add_input((1, 3, 224, 224), ElementType.INT8, -100, 100)
    builder.add(op.Slice((x,), (0, 0, 0, 0), (1, 1, 32, 32), (1, 3, 7, 7)))
    case = case_of(builder.program(), builder.blobs)
    statement = replace(case.statement(), input=commit_input(case.run.inputs))
    assert statement.input.scheme is Scheme.PUBLIC_TREE
    bundle = replace(
        case.bundle(), statement=statement, proof=case.claim(statement=statement).to_json()
    )
    assert said(bundle).final_at == FINAL_AT
    flat = replace(bundle, statement=replace(statement, input=commit_public(case.run.inputs)))
    refused(flat, "inputs are committed to by scheme 4, not 1", step="tensors")
