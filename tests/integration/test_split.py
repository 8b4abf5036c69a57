"""A split model with a real ezkl proof: answered, verified, and lied about."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from avow.circuits.ezkl.compile import Options as EzklOptions
from avow.circuits.ezkl.compile import Source as EzklSource
from avow.circuits.ezkl.compile import compile_model
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.srs_choice import UnsafeSrs
from avow.models.infer import Preview
from avow.models.schema import quantise_row
from avow.models.split import split
from avow.models.split_intake import take_in_first
from avow.models.store import ModelStore
from avow.prover.catalogue import Compiled, FolderCatalogue
from avow.prover.errors import Refused
from avow.prover.native.curve import NativeCurve
from avow.prover.split import Pair, SplitAnswer, answer_split, prove_part
from avow.prover.systems.ezkl import EzklProver
from avow.prover.systems.provers import PROVERS
from avow.prover.systems.system import Answer, Limits, Proof, Tick
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.mixed.split import verify_split
from avow.verifier.mixed.split_record import Part, SplitRecord
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.statement import Domain
from avow.verifier.systems.ezkl.field import to_field
from avow.verifier.systems.ezkl.material import parse_proof
from avow.verifier.systems.optimistic.claim import parse_claim
from avow.verifier.systems.optimistic.settlement import Anchor, ClaimState
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance, Hides
from avow.verifier.verify import verify
from tests.api.processes import Run, start
from tests.api.test_compile_commands import Avow, refused
from tests.api.test_compile_commands import avow as avow
from tests.integration.split_model import (
    CIRCUIT_LIMITS,
    LIMITS,
    SPACE,
    compiled,
    pair,
    stored,
    write_files,
)
from tests.verifier.optimistic.test_settlement import CLAIMS, NUMBER, TIME, word
from tests.verifier.optimistic.tries import chain

POLICY = Policy(minimum_assurance=Assurance.CHALLENGEABLE, unsafe_allow_unsafe_srs=True)
NONCE = 11


def silent(stage: str, percent: int | None) -> None:
    """No report."""


def inputs(row: int, seed: int = 5) -> tuple[Tensor, ...]:
    """A held-out row."""
    whole = stored(SPACE, seed)
    rows = whole.held_out()
    assert rows is not None
    return quantise_row(whole.record, rows, row)


@cache
def answer(row: int, tensor: str = "hidden", seed: int = 5) -> SplitAnswer:
    """Both bundles about a row."""
    return answer_split(
        pair(tensor, seed), inputs(row, seed), LIMITS, silent, nonce=NONCE, allow_unsafe_srs=True
    )


def claimed(part: Compiled, *tensors: Tensor) -> Bundle:
    """A second part's bundle, honestly claimed for whatever tensor."""
    return prove_part(part, tensors, LIMITS, silent, NONCE)


def lie(step: str, reason: str, first: bytes, second: bytes, record: SplitRecord) -> None:
    """These bundles are refused, at this step and with these words."""
    with pytest.raises(VerificationError) as caught:
        verify_split(first, second, record, POLICY)
    assert caught.value.step == step and reason in caught.value.message, str(caught.value)


def test_a_split_answer_is_worth_what_its_weaker_part_is() -> None:
    made, done = compiled(), answer(0)
    assert (done.verdict.assurance, done.verdict.final) == (Assurance.CHALLENGEABLE, False)
    assert done.verdict.first.assurance is Assurance.PROVEN
    assert done.verdict.first.hides is Hides.WEIGHTS
    first, second = parse_bundle(done.first), parse_bundle(done.second)
    assert first.statement.output == second.statement.input
    assert first.outputs == second.inputs
    # The answer is near that of the model which nobody runs as a whole.
    whole = stored(SPACE)
    rows = whole.held_out()
    assert rows is not None
    exact = Preview(whole.model()).run((rows.inputs[0][0],))[0].reshape(-1)
    found = made.second.record.outputs[0].dequantise(second.outputs[0])
    assert list(found) == pytest.approx(list(exact), abs=0.02)
    fidelity = made.record.fidelity
    assert fidelity is not None and fidelity.rows == 12
    assert 0 < float(fidelity.max_error) < 0.02


def test_hidden_weights_stand_in_no_bundle_and_no_second_model() -> None:
    """Neither as floats nor as the integers of the circuit."""
    parts = split(stored(SPACE).model(), "hidden")
    made, done = compiled(), answer(0)
    raw = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)
    assert raw.tobytes() in parts.first.data
    assert raw.tobytes() not in parts.second.data
    scaled = [round(float(value) * 2**10) for value in raw.reshape(-1)]
    shown = parse_proof(parse_bundle(done.first).proof).instances
    # Smaller ones may well be an input's integer.
    assert not {to_field(value) for value in scaled if abs(value) > 256} & set(shown)
    for path in made.second.folder.rglob("*"):
        if path.is_file():
            assert raw.tobytes() not in path.read_bytes()


def test_every_liar_about_the_middle_is_refused() -> None:
    record, honest, other = compiled().record, answer(0), answer(1)
    assert verify_split(honest.first, honest.second, record, POLICY)
    another = "begins with another tensor"
    lie("split", another, honest.first, other.second, record)
    lie("split", another, other.first, honest.second, record)

    between = parse_bundle(honest.first).outputs[0]
    for at in range(len(between.values)):
        values = list(between.values)
        values[at] += 1
        unit = claimed(pair().second, replace(between, values=tuple(values))).encode()
        assert verify(unit, POLICY).assurance is Assurance.CHALLENGEABLE
        lie("split", f"at {at}: {values[at] - 1} and {values[at]}", honest.first, unit, record)


def test_every_liar_about_the_parts_is_refused() -> None:
    record, honest = compiled().record, answer(0)
    lie("split", "is of the other part", honest.second, honest.first, record)
    lie("split", "is of the other part", honest.first, honest.first, record)

    elsewhere = answer(0, "dense")
    lie("split", "second bundle is of another model", honest.first, elsewhere.second, record)
    lie("split", "first bundle is of another model", elsewhere.first, honest.second, record)
    # Even under a record that somebody made for the two: what passes is not the same tensor.
    made_up = replace(record, second=compiled("dense").record.second)
    lie("split", "second part's input is not", honest.first, elsewhere.second, made_up)

    foreign = compiled(seed=6).record
    assert foreign.between == record.between, "the same architecture with other weights"
    lie("split", "first bundle is of another model", honest.first, honest.second, foreign)
    lie("split", "second bundle is of another", honest.first, answer(0, seed=6).second, record)


def test_a_false_proof_of_the_first_part_is_refused() -> None:
    record, honest = compiled().record, answer(0)
    first = parse_bundle(honest.first)
    proof = parse_proof(first.proof)
    damaged = replace(proof, data=proof.data[:-1] + bytes([proof.data[-1] ^ 1]))
    forged = replace(first, proof=damaged.to_json()).encode()
    lie("proof", "first part: ", forged, honest.second, record)
    late = replace(first, statement=replace(first.statement, nonce=NONCE + 1)).encode()
    lie("proof", "first part: the proof is bound to another", late, honest.second, record)


def test_a_settled_rest_makes_the_whole_settled(home: Path, avow: Avow, tmp_path: Path) -> None:
    """The second part claimed for an order, and a block in which that claim was upheld, or not."""
    honest, part = answer(0), pair().second
    between = parse_bundle(honest.first).outputs
    domain, order = Domain(31337, b"\1" * 20), b"\2" * 32
    rest = prove_part(part, between, LIMITS, silent, 99, domain=domain, order=order)
    claim_id = rest.path.root(rest.statement.digest())
    claim = parse_claim(rest.proof)

    def settled(state: ClaimState) -> tuple[bytes, Anchor]:
        block, found = chain(CLAIMS, claim_id, word(state), NUMBER, TIME)
        held = replace(claim, settlement=found)
        return replace(rest, proof=held.to_json()).encode(), Anchor(CLAIMS, block)

    upheld, anchor = settled(ClaimState.UPHELD)
    known = replace(POLICY, minimum_assurance=Assurance.SETTLED, anchor=anchor)
    verdict = verify_split(honest.first, upheld, compiled().record, known)
    assert (verdict.assurance, verdict.final) == (Assurance.SETTLED, True)
    assert any(item.startswith("request: on a chain") for item in verdict.not_checked)
    proven = replace(known, minimum_assurance=Assurance.PROVEN)
    with pytest.raises(VerificationError, match="second part: the policy asks for PROVEN"):
        verify_split(honest.first, upheld, compiled().record, proven)
    # Without a block that the caller knows, it is a claim like any other.
    assert not verify_split(honest.first, upheld, compiled().record, POLICY).final
    overturned, other = settled(ClaimState.OVERTURNED)
    with pytest.raises(VerificationError, match="second part: the claim was overturned"):
        bad = replace(POLICY, anchor=other)
        verify_split(honest.first, overturned, compiled().record, bad)

    files = {"first": honest.first, "second": upheld, "record": compiled().record.encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "policy").write_text(
        '{"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}'
    )
    paths = {name: str(tmp_path / name) for name in (*files, "policy")}
    said = avow(
        *("verify", paths["first"], paths["second"], "--split", paths["record"]),
        *("--policy", paths["policy"], "--allow-unsafe-srs"),
        *("--anchor", to_hex(CLAIMS), to_hex(anchor.block)),
    )
    assert said.status == 0 and said.out.startswith("ACCEPTED: SETTLED\n"), said


@cache
def shown() -> Compiled:
    """The same first part with its weights in the key, for all to see."""
    whole, store = stored(SPACE), ModelStore.at(SPACE)
    parts = split(whole.model(), "hidden")
    first = take_in_first(store, whole, parts)
    wishes = Wishes(InputVisibility.PUBLIC, WeightVisibility.FIXED, Target.RESOURCES, 10)
    made = compile_model(
        EzklSource(first.record, parts.first, first.calibration(), None),
        EzklOptions(wishes, UnsafeSrs(SPACE / "srs", NativeCurve()), None, CIRCUIT_LIMITS),
        SPACE / "artifacts",
        lambda step, what: None,
    )
    catalogue = FolderCatalogue(SPACE / "artifacts", SPACE / "models")
    digest = to_hex(made.record.digest())
    return catalogue.find(to_hex(made.record.model), None, digest)


def test_a_first_part_that_shows_its_weights_is_refused() -> None:
    record, honest = compiled().record, answer(0)
    opening = prove_part(shown(), inputs(0), LIMITS, silent, NONCE)
    assert verify(opening.encode(), POLICY).hides is Hides.NONE
    between = opening.outputs[0]
    rest = claimed(pair().second, between).encode()
    lie("split", "first bundle is of another system record", opening.encode(), rest, record)
    first = Part(opening.model.digest(), opening.system.digest())
    own = replace(record, first=first)
    lie("policy", "first part: the policy asks to hide weights", opening.encode(), rest, own)
    # Nor does a provider get that far.
    with pytest.raises(Refused, match="did not pass their own check: policy: first part"):
        answer_split(
            Pair(own, shown(), pair().second), inputs(0), LIMITS, silent, allow_unsafe_srs=True
        )
    assert honest.verdict.first.hides is Hides.WEIGHTS


class Overflowing(EzklProver):
    """Gives a tensor that the second part was never declared to take."""

    def answer(
        self, compiled: Compiled, inputs: Sequence[Tensor], salt: bytes, limits: Limits, tick: Tick
    ) -> Answer:
        found = super().answer(compiled, inputs, salt, limits, tick)
        (tensor,) = found.outputs
        return replace(found, outputs=(replace(tensor, values=(2**29, *tensor.values[1:])),))

    def prove(
        self,
        compiled: Compiled,
        inputs: Sequence[Tensor],
        salt: bytes,
        root: bytes,
        limits: Limits,
        tick: Tick,
    ) -> Proof:
        outputs = self.answer(compiled, inputs, salt, limits, tick).outputs
        return Proof(outputs, {}, {})


def test_a_tensor_that_the_second_part_cannot_take_is_refused() -> None:
    provers = {**PROVERS, "ezkl/v1": Overflowing()}
    with pytest.raises(Refused, match="cannot take what the first gives: 'hidden' must lie in"):
        answer_split(pair(), inputs(0), LIMITS, silent, allow_unsafe_srs=True, provers=provers)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared home, in which both parts are compiled already."""
    compiled()
    monkeypatch.setenv("AVOW_HOME", str(SPACE))
    return SPACE


def test_from_the_command_line(home: Path, avow: Avow, tmp_path: Path) -> None:
    record = tmp_path / "split.json"
    said = avow(
        *("split", "compile", "layers-5", "--at", "hidden", "--output", str(record)),
        *("--unsafe-srs", "--input-scale", "10", "--bits", "16"),
    )
    assert said.status == 0, said
    assert "split at 'hidden'" in said.out and "for all to see" in said.out
    assert "12 held-out rows, top-1 agreement" in said.out
    assert record.read_bytes() == compiled().record.encode()

    out = tmp_path / "answer"
    rows = str(home / "files-5" / "heldout.npz")
    ask = ("split", "run", str(record), "--input", rows, "--row", "2", "--output", str(out))
    said = avow(*ask, "--allow-unsafe-srs", "--nonce", "5")
    assert said.status == 0 and "answer    scores = [" in said.out, said
    refused(avow(*ask[:4], rows, "--row", "12", "--output", str(out)), "has 12 rows, from 0")
    refused(avow(*ask, "--nonce", "0"), "--nonce: expected 1 to 2^256 - 1")

    policy = tmp_path / "policy.json"
    policy.write_text('{"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}')
    first, second = (str(out / f"{name}.avow.json") for name in ("first", "second"))
    check: Callable[..., list[str]] = lambda *pair: [  # noqa: E731
        *("verify", *pair, "--split", str(record), "--policy", str(policy), "--allow-unsafe-srs")
    ]
    said = avow(*check(first, second))
    assert said.status == 3 and said.out.startswith("ACCEPTED: CHALLENGEABLE until"), said
    assert "means          no more than the weaker part: PROVEN, then CHALLENGEABLE" in said.out
    assert json.loads(avow(*check(first, second), "--json").out)["hides"] == "weights"
    said = avow(*check(second, first))
    assert said.status == 1 and "REJECTED at step split" in said.out
    assert avow("verify", first, second, "--split", str(record), "--allow-unsafe-srs").status == 1

    model = str(home / "files-5" / "model.onnx")
    said = avow("split", "check", str(record), model, first, second)
    assert said.status == 0 and said.out.count("  equal ") == 5, said
    write_files(tmp_path / "other", 6)
    other = str(tmp_path / "other" / "model.onnx")
    said = avow("split", "check", str(record), other, first, second)
    assert said.status == 1 and said.out.count("  DIFFERS ") == 3, said
    # A file that cannot even be cut there is another one as well.
    uncut = tmp_path / "uncut.onnx"
    uncut.write_bytes(split(stored(SPACE).model(), "hidden").first.data)
    said = avow("split", "check", str(record), str(uncut), first, second)
    assert said.status == 1 and "DIFFERS     whole  'hidden' is" in said.out, said

    # Each key was made from its part: then a policy may ask that somebody has seen to it.
    parts = split(stored(SPACE).model(), "hidden")
    (tmp_path / "first.onnx").write_bytes(parts.first.data)
    (tmp_path / "second.onnx").write_bytes(parts.second.data)
    strings = ("--srs", str(home / "srs"))
    assert avow("model", "check", str(tmp_path / "first.onnx"), first, *strings).status == 0
    assert avow("model", "check", str(tmp_path / "second.onnx"), second).status == 0
    (tmp_path / "other.onnx").write_bytes(split(stored(SPACE, 6).model(), "hidden").first.data)
    said = avow("model", "check", str(tmp_path / "other.onnx"), first, *strings)
    assert said.status == 1 and "DIFFERS     weights hash" in said.out, said
    records = [to_hex(part.record) for part in (compiled().record.first, compiled().record.second)]
    strict = {"minimum_assurance": "CHALLENGEABLE", "require_model_binding": True}
    policy.write_text(json.dumps({"format": "avow-policy/1", "checked_records": records, **strict}))
    assert avow(*check(first, second)).out.count("model binding  CHECKED") == 2


@pytest.fixture
def url(home: Path, tmp_path: Path) -> Iterator[str]:
    """The address of `avow api` over a copy of that home, with a worker."""
    own = tmp_path / "own"
    for part in ("artifacts", "models"):
        shutil.copytree(home / part, own / part)
    runs: list[Run] = []
    try:
        runs.append(start(["worker", "--allow-unsafe-srs"], tmp_path, AVOW_HOME=str(own)))
        runs.append(start(["api", "--port", "0"], tmp_path, AVOW_HOME=str(own)))
        said = runs[1].wait_for("API on ")
        yield re.findall(r"API on (\S+)", said)[0]
    finally:
        for run in runs:
            run.end()


def test_over_http_two_jobs_of_a_real_service_make_up_one_answer(
    url: str, home: Path, avow: Avow, tmp_path: Path
) -> None:
    record, policy, out = (tmp_path / name for name in ("r", "policy", "answer"))
    record.write_bytes(compiled().record.encode())
    policy.write_text('{"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}')
    rows = str(home / "files-5" / "heldout.npz")
    remote = ("remote", "--url", url, "--policy", str(policy), "--allow-unsafe-srs")
    ask = ("split", str(record), "--input", rows, "--row", "2", "--output", str(out))
    said = avow(*remote, *ask)
    assert said.status == 3, said
    assert "means          no more than the weaker part: PROVEN, then CHALLENGEABLE" in said.out
    first, second = (parse_bundle((out / f"{name}.avow.json").read_bytes())
                     for name in ("first", "second"))  # fmt: skip
    assert first.inputs == inputs(2) and first.outputs == second.inputs
    assert first.statement.nonce == second.statement.nonce
    assert first.outputs == parse_bundle(answer(2).first).outputs


def test_what_the_commands_refuse(home: Path, avow: Avow, tmp_path: Path) -> None:
    split_at = ("split", "compile", "layers-5", "--unsafe-srs", "--output", str(tmp_path / "r"))
    refused(avow(*split_at, "--at", "x"), "'x' is an input of the model", "'dense', 'hidden'")
    refused(avow(*split_at, "--at", "no"), "it can be split at 'dense', 'hidden'")
    refused(avow(*split_at, "--at", "hidden", "--range", "a"), "a range is written lo:hi")
    assert not (tmp_path / "r").exists()
    (tmp_path / "r").write_bytes(b"{}")
    rows = str(home / "files-5" / "heldout.npz")
    ask = ("split", "run", str(tmp_path / "r"), "--input", rows, "--output", str(tmp_path))
    refused(avow(*ask), "split lacks")
    absent = replace(compiled().record, first=Part(b"\1" * 32, b"\2" * 32))
    (tmp_path / "r").write_bytes(absent.encode())
    refused(avow(*ask), "record: no artifact")


def test_both_files_of_a_cut(home: Path, avow: Avow, tmp_path: Path) -> None:
    said = avow("model", "split", "layers-5")
    assert said.out.splitlines() == ["dense  [1, 3]", "hidden  [1, 3]"]
    said = avow("model", "split", "layers-5", "--at", "hidden", "--output", str(tmp_path / "cut"))
    assert said.status == 0 and "24 rows: parts and whole differ by at most" in said.out
    parts = split(stored(SPACE).model(), "hidden")
    assert (tmp_path / "cut" / "first.onnx").read_bytes() == parts.first.data
    assert (tmp_path / "cut" / "second.onnx").read_bytes() == parts.second.data
    write_files(tmp_path / "elsewhere", 9)
    said = avow("model", "split", str(tmp_path / "elsewhere" / "model.onnx"), "--at", "dense")
    assert said.status == 0 and "16 rows: parts and whole differ by at most" in said.out
    refused(avow("model", "split", "layers-5", "--at", "no"), "can be split at 'dense', 'hidden'")
