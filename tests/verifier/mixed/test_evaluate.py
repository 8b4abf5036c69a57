"""Several bundles under one policy: what is accepted, and every glued-together lie."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.commitment import commit_public, commit_salted
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import build
from avow.verifier.mixed.evaluate import verify_mixed
from avow.verifier.mixed.outcome import EvidenceRefused, MixedVerdict
from avow.verifier.mixed.policy import parse_evidence_policy
from avow.verifier.mixed.subject import difference
from avow.verifier.statement import Domain
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.verdict import Assurance, Hides
from tests.verifier import examples
from tests.verifier.mixed.kinds import CLAIM, PROOF, SOON, TOY, Kind, bundle, single

BOTH: Json = {"all_of": [single(SOON, minimum_assurance="SETTLED"), single(PROOF)]}
EITHER: Json = {"any_of": [single(SOON, minimum_assurance="SETTLED"), single(PROOF)]}


def judge(evidence: Json, *bundles: Bundle, **more: Json) -> MixedVerdict:
    value = {"format": "avow-evidence/1", "evidence": evidence, **more}
    policy = parse_evidence_policy(json.dumps(value).encode())
    return verify_mixed([one.encode() for one in bundles], policy)


def refusal(evidence: Json, *bundles: Bundle, **more: Json) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        judge(evidence, *bundles, **more)
    return caught.value


def legs(verdict: MixedVerdict) -> list[tuple[str, int, str]]:
    return [(leg.place, leg.bundle, leg.verdict.assurance.value) for leg in verdict.legs]


pytestmark = pytest.mark.usefixtures("kinds")


def test_all_of_is_shown_by_one_bundle_for_each() -> None:
    verdict = judge(BOTH, bundle(PROOF), bundle(SOON))
    assert legs(verdict) == [("all_of[0]", 2, "SETTLED"), ("all_of[1]", 1, "PROVEN")]
    assert verdict.final and verdict.unused == ()
    assert verdict.branches.held and all(part.counts for part in verdict.branches.parts)


def test_no_single_assurance_is_made_of_several() -> None:
    value: Any = judge(BOTH, bundle(PROOF), bundle(SOON)).to_json()
    assert "assurance" not in value
    assert [leg["verdict"]["assurance"] for leg in value["legs"]] == ["SETTLED", "PROVEN"]
    assert value["evidence"]["kind"] == "all_of"


def test_a_missing_kind_is_named_with_the_reasons() -> None:
    error = refusal(BOTH, bundle(SOON))
    assert isinstance(error, EvidenceRefused) and error.step == "evidence"
    expected = "all_of[1]: bundle 1 at policy: the policy allows proof/v1, not soon/v1"
    assert error.message == expected
    held = [part.held for part in error.branches.parts]
    assert held == [True, False]


def test_any_of_is_shown_by_the_first_that_holds() -> None:
    assert legs(judge(EITHER, bundle(PROOF))) == [("any_of[1]", 1, "PROVEN")]
    verdict = judge(EITHER, bundle(PROOF), bundle(SOON))
    assert legs(verdict) == [("any_of[0]", 2, "SETTLED")]
    assert verdict.unused == (1,)
    first, second = verdict.branches.parts
    assert (first.held, first.counts, second.held, second.counts) == (True, True, True, False)


def test_what_is_final_goes_before_what_is_open() -> None:
    tree: Json = {"any_of": [single(CLAIM, minimum_assurance="CHALLENGEABLE"), single(PROOF)]}
    assert not judge(tree, bundle(CLAIM)).final
    verdict = judge(tree, bundle(CLAIM), bundle(PROOF))
    assert verdict.final and legs(verdict) == [("any_of[1]", 2, "PROVEN")]


def test_all_of_is_final_when_each_is() -> None:
    tree: Json = {"all_of": [single(CLAIM, minimum_assurance="CHALLENGEABLE"), single(PROOF)]}
    verdict = judge(tree, bundle(CLAIM), bundle(PROOF))
    assert not verdict.final
    assert [leg.verdict.final for leg in verdict.legs] == [False, True]


# Each lie is an honest bundle about something else, glued to another one.
Other = Callable[[], Bundle]


def elsewhere(order: bytes, market: bytes = bytes([1]) * 20) -> Callable[[str], Bundle]:
    def made(system: str) -> Bundle:
        one = bundle(system)
        about = replace(one.statement, domain=Domain(1, market), order=order)
        return examples.prove(replace(one, statement=about))

    return made


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: bundle(PROOF, values=(1, -2, 4)), "another input"),
        (lambda: bundle(PROOF, nonce=8), "another nonce"),
        (lambda: bundle(PROOF, provider=bytes([1]) * 20), "another provider"),
        (lambda: bundle(PROOF, name="tripling"), "another model"),
        (lambda: bundle(PROOF, program=bytes(32)), "another program"),
        (lambda: bundle(PROOF, scale=5), "an output of another scale or type"),
        (lambda: elsewhere(bytes([5]) * 32)(PROOF), "another chain or market"),
    ],
)
def test_bundles_about_different_things_are_refused(other: Other, said: str) -> None:
    error = refusal(BOTH, bundle(SOON), other())
    assert (error.step, error.message) == ("together", f"beside bundle 1, bundle 2 is about {said}")
    # Nor does an any_of, which one of them alone would satisfy, look away.
    assert refusal(EITHER, bundle(SOON), other()).step == "together"


def test_bundles_of_two_orders_are_refused() -> None:
    one, other = elsewhere(bytes([5]) * 32)(SOON), elsewhere(bytes([6]) * 32)(PROOF)
    assert refusal(BOTH, one, other).message.endswith("another order")
    same = elsewhere(bytes([5]) * 32)(PROOF)
    assert judge(BOTH, one, same).final


def test_bundles_of_two_outputs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # A system that is convinced of anything, so that its bundle holds whatever it says.
    def convinced(self: Kind, evidence: Evidence) -> Findings:
        return Findings(self.assurance, Hides.NONE, None, "anything")

    monkeypatch.setattr(Kind, "verify", convinced)
    lying = bundle(PROOF)
    output = (Tensor(ElementType.INT32, (1, 3), (2, -4, 7)),)
    about = replace(lying.statement, output=commit_public(output))
    lying = examples.prove(replace(lying, statement=about, outputs=output))
    assert refusal(BOTH, bundle(SOON), lying).message.endswith("bundle 2 is about another output")


def salted(system: str, salt: bytes, values: tuple[int, ...] = (1, -2, 3)) -> Bundle:
    one = bundle(system, values)
    assert one.inputs is not None
    about = replace(one.statement, input=commit_salted(one.inputs, salt))
    return examples.prove(replace(one, statement=about, salt=salt))


def test_an_input_shown_under_another_commitment_is_compared_itself() -> None:
    assert judge(BOTH, bundle(SOON), salted(PROOF, bytes(32))).final
    assert judge(BOTH, salted(SOON, bytes([1]) * 32), salted(PROOF, bytes(32))).final
    error = refusal(BOTH, bundle(SOON), salted(PROOF, bytes(32), (1, -2, 4)))
    assert error.message.endswith("another input")


def test_a_hidden_input_equals_none_but_its_own_commitment() -> None:
    hidden = replace(salted(PROOF, bytes(32)), inputs=None)
    said = "an input that cannot be compared (one is hidden, the commitments differ)"
    assert difference(bundle(SOON), hidden) == said
    assert difference(salted(SOON, bytes([1]) * 32), hidden) == said
    assert difference(salted(SOON, bytes(32)), hidden) is None


def test_one_bundle_does_not_count_twice() -> None:
    twice: Json = {"all_of": [single(PROOF), single()]}
    error = refusal(twice, bundle(PROOF))
    assert error.message == (
        "all_of: each part holds, but not by systems of their own: a system counts once"
    )
    # The same file given twice, or the same statement in another batch, is the same evidence.
    assert refusal(twice, bundle(PROOF), bundle(PROOF)).step == "evidence"
    digests = [bundle(PROOF, nonce=9).statement.digest(), bundle(PROOF).statement.digest()]
    _, paths = build(digests)
    again = examples.prove(replace(bundle(PROOF), path=paths[1]))
    assert again.encode() != bundle(PROOF).encode()
    assert refusal(twice, bundle(PROOF), again).step == "evidence"
    assert judge(single(), again).final


def another_record(system: str) -> Bundle:
    """The same answer under a second record of the same program, as who wrote it can make it."""
    one = bundle(system)
    record = replace(one.system, key=keccak256(b"second"))
    about = replace(one.statement, key=record.key)
    material: Json = {"key": "second"}
    return examples.prove(replace(one, system=record, statement=about, material=material))


@pytest.mark.parametrize(
    "again",
    [
        lambda: another_record(PROOF),
        lambda: salted(PROOF, bytes(32)),
    ],
)
def test_one_system_does_not_count_twice(again: Callable[[], Bundle]) -> None:
    twice: Json = {"all_of": [single(PROOF), single(PROOF)]}
    # Nor where one of them might have been shown by another system that is not there.
    lax: Json = {"all_of": [single(), single(SOON, PROOF, minimum_assurance="SETTLED")]}
    first, second = bundle(PROOF), again()
    assert first.statement.digest() != second.statement.digest()
    assert judge(single(PROOF), second).final
    for tree in (twice, lax):
        error = refusal(tree, first, second)
        assert error.step == "evidence" and "a system counts once" in error.message
    # With another system's it is two.
    assert legs(judge(lax, first, second, bundle(SOON))) == [
        ("all_of[0]", 1, "PROVEN"),
        ("all_of[1]", 3, "SETTLED"),
    ]
    # In alternatives either will do.
    assert judge({"any_of": [single(PROOF), single(PROOF)]}, first, second).final


def test_a_part_takes_the_bundle_that_no_other_part_can_use() -> None:
    # The first part could use either; greed would leave the second one without.
    greedy: Json = {"all_of": [single(SOON, PROOF, minimum_assurance="SETTLED"), single(PROOF)]}
    verdict = judge(greedy, bundle(PROOF), bundle(SOON))
    assert [leg.bundle for leg in verdict.legs] == [2, 1]


def test_simulated_evidence_is_nobodys_proof() -> None:
    tree: Json = {"any_of": [single(), single(minimum_assurance="SETTLED")]}
    error = refusal(tree, bundle(TOY))
    assert "asks for PROVEN, the evidence gives SIMULATED" in error.message
    assert "asks for SETTLED, the evidence gives SIMULATED" in error.message


def test_a_minimum_of_the_tree_binds_the_laxest_of_its_policies() -> None:
    # A record with measurements that its policy allows, so that only the minimum speaks against it.
    lax: Json = {
        "any_of": [single(TOY, minimum_assurance="SIMULATED", measurements=["0x" + "00" * 48])]
    }
    assert judge(lax, bundle(TOY)).legs[0].verdict.assurance is Assurance.SIMULATED
    error = refusal(lax, bundle(TOY), minimum_assurance="PROVEN")
    assert "asks for PROVEN, the evidence gives SIMULATED" in error.message


def test_a_bundle_that_shows_nothing_is_named_and_does_not_matter() -> None:
    verdict = judge(BOTH, bundle(SOON), bundle(PROOF), replace(bundle(CLAIM), proof={}))
    assert verdict.unused == (3,)
    lying = replace(bundle(PROOF), proof={"root": "0x" + "00" * 32})
    error = refusal(BOTH, bundle(SOON), lying)
    assert "bundle 2 at proof: bound to another statement" in error.message


def test_bytes_that_are_no_bundle_are_named() -> None:
    policy = parse_evidence_policy(
        json.dumps({"format": "avow-evidence/1", "evidence": BOTH}).encode()
    )
    with pytest.raises(EvidenceRefused) as caught:
        verify_mixed([bundle(SOON).encode(), b"{"], policy)
    assert "bundle 2 at parse: bundle is not JSON" in caught.value.message
    for wrong in ([], [b"{"] * 9):
        with pytest.raises(VerificationError, match="expected 1 to 8 bundles") as refused:
            verify_mixed(wrong, policy)
        assert refused.value.step == "usage"


def test_what_is_missing_on_this_machine_decides_only_where_it_matters(
    monkeypatch: pytest.MonkeyPatch, kinds: dict[str, Kind]
) -> None:
    def unable(evidence: Evidence) -> Findings:
        raise VerificationError("setup", "the checking package is missing")

    monkeypatch.setattr(kinds[SOON], "verify", unable)
    assert refusal(BOTH, bundle(SOON), bundle(PROOF)).step == "setup"
    assert legs(judge(EITHER, bundle(SOON), bundle(PROOF))) == [("any_of[1]", 2, "PROVEN")]
    # With it the proof would still be missing.
    assert refusal(BOTH, bundle(SOON), replace(bundle(PROOF), proof={})).step == "evidence"


def test_a_proof_is_checked_once_for_equal_questions(kinds: dict[str, Kind]) -> None:
    tree: Json = {"any_of": [single(nonce="8"), single(nonce="9"), single(nonce="7")]}
    verdict = judge(tree, bundle(PROOF))
    assert kinds[PROOF].checks == 1
    # And what each verdict says was established is what `verify` alone would say.
    names = [step.name for step in verdict.legs[0].verdict.steps]
    assert names == ["parse", "system", "records", "tensors", "proof", "policy"]
