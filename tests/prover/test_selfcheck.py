"""The check before publication: the verifier in a process of its own, bounded and cancellable."""

import json
from pathlib import Path

import psutil
import pytest

from avow.prover import selfcheck
from avow.prover.errors import LeaseLost, TryAgain
from avow.prover.selfcheck import check_draft, check_drafts, policy_json
from avow.prover.systems.system import Limits
from avow.verifier import canonical
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.statement import Domain
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.verdict import Assurance

LIMITS = Limits(60, 2**31)


def children() -> set[int]:
    """This process's children; some may be of other tests."""
    return {child.pid for child in psutil.Process().children()}


def quiet(_stage: str, _percent: int | None) -> None:
    """A tick that lets the work go on."""


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "parse: bundle is not JSON"), (b"{}", "parse: bundle lacks"), (b"[" * 9999, "parse: ")],
)
def test_what_is_no_bundle_does_not_pass(tmp_path: Path, data: bytes, message: str) -> None:
    draft = tmp_path / "draft"
    draft.write_bytes(data)
    with pytest.raises(TryAgain, match=f"did not pass its own check: {message}"):
        check_draft(draft, Policy(), LIMITS, quiet)


def test_a_missing_draft_does_not_pass(tmp_path: Path) -> None:
    with pytest.raises(TryAgain, match=r"the verifier ended with 2: .*No such file"):
        check_draft(tmp_path / "missing", Policy(), LIMITS, quiet)


def test_a_check_beyond_its_time_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "draft").write_bytes(b"{}")
    before = children()
    with pytest.raises(TryAgain, match="took more than 0 s"):
        check_draft(tmp_path / "draft", Policy(), Limits(0, 2**31), quiet)
    assert children() <= before


def test_cancelling_ends_the_check(tmp_path: Path) -> None:
    (tmp_path / "draft").write_bytes(b"{}")

    def lost(_stage: str, _percent: int | None) -> None:
        raise LeaseLost("cancelled")

    before = children()
    with pytest.raises(LeaseLost):
        check_draft(tmp_path / "draft", Policy(), LIMITS, lost)
    assert children() <= before


def test_every_pin_of_a_job_reaches_the_verifier() -> None:
    policy = Policy(
        minimum_assurance=Assurance.PROVEN,
        model=b"\x01" * 32,
        systems=("ezkl/v1",),
        record=b"\x06" * 32,
        program=b"\x02" * 32,
        domain=Domain(5, b"\x03" * 20),
        order=b"\x04" * 32,
        provider=b"\x05" * 20,
        nonce=2**200,
        outputs=(Tensor(ElementType.INT8, (2,), (1, -1)),),
        unsafe_allow_unsafe_srs=True,
    )
    assert parse_policy(canonical.encode(policy_json(policy))) == policy


def test_each_draft_of_a_batch_has_its_own_verdict(tmp_path: Path) -> None:
    drafts = []
    for number, data in enumerate((b"", b"{}", b"[" * 9999)):
        draft = tmp_path / f"draft-{number}"
        draft.write_bytes(data)
        drafts.append((draft, Policy()))
    found = [str(error) for error in check_drafts(drafts, LIMITS, quiet)]
    assert [said.partition("own check: ")[2][:21] for said in found] == [
        "parse: bundle is not ",
        "parse: bundle lacks '",
        "parse: bundle is nest",
    ]


def test_a_check_of_a_batch_that_dies_says_nothing(tmp_path: Path) -> None:
    drafts = [(tmp_path / "missing", Policy())] * 2
    with pytest.raises(TryAgain, match=r"own check failed: the verifier ended with 1"):
        check_drafts(drafts, LIMITS, quiet)
    before = children()
    with pytest.raises(TryAgain, match="took more than 0 s"):
        check_drafts(drafts, Limits(0, 2**31), quiet)
    assert children() <= before


def said(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verifier's process prints this and ends well."""
    monkeypatch.setattr(selfcheck, "run_module", lambda *_: (0, output))


@pytest.mark.parametrize("assurance", list(Assurance))
def test_the_check_gives_the_verdicts_own_word(
    assurance: Assurance, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = json.dumps({"assurance": assurance.value, "steps": [{"name": "parse"}]}, indent=2)
    said(f"a library's warning {{\n{verdict}\n", monkeypatch)
    # Whatever was asked for.
    assert check_draft(Path("draft"), Policy(), LIMITS, quiet) is assurance
    said(json.dumps([["accepted", assurance.value], ["refused", "proof: no"]]), monkeypatch)
    good, bad = check_drafts([(Path("draft"), Policy())] * 2, LIMITS, quiet)
    assert good is assurance and isinstance(bad, TryAgain)


@pytest.mark.parametrize(
    "output", ["", "{", "{\n}", '{\n"assurance": "CERTAIN"\n}', '{\n"assurance": 7\n}', "[]"]
)
def test_a_check_that_does_not_say_what_a_bundle_is_worth_passes_none(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(output, monkeypatch)
    with pytest.raises(TryAgain, match="did not say what it is worth"):
        check_draft(Path("draft"), Policy(), LIMITS, quiet)


@pytest.mark.parametrize(
    "one", [None, [], ["accepted"], ["accepted", "CERTAIN"], ["accepted", 7], 1]
)
def test_nor_does_one_of_a_batch(one: object, monkeypatch: pytest.MonkeyPatch) -> None:
    said(json.dumps([one]), monkeypatch)
    (found,) = check_drafts([(Path("draft"), Policy())], LIMITS, quiet)
    assert isinstance(found, TryAgain) and "it was not judged" in str(found)
