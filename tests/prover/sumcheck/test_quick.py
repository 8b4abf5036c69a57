"""The quick check says what `verify` says, and `verify` never asks it or the native core."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import pytest

from avow.prover.native import _core
from avow.prover.systems.sumcheck import quick
from avow.verifier.argument import opening
from avow.verifier.bn254 import G2_COORDINATES, field_modulus
from avow.verifier.bundle import Bundle
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.merkle import ALONE
from avow.verifier.policy import Policy
from avow.verifier.srs import tau_g2_octets
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED, SYSTEM_ID
from avow.verifier.systems.table import SYSTEMS
from avow.verifier.verify import verify
from tests.soundness.manifest import SECTIONS, Element, changes, manifest, sections
from tests.soundness.reference import Prover
from tests.soundness.workbench import tau_g2
from tests.verifier.sumcheck.example import TAU, small_case
from tests.verifier.sumcheck.test_batch_bundles import bundles
from tests.verifier.sumcheck.test_half import POLICY, bundle, system_record

VECTORS = Path(__file__).parents[2] / "vectors" / "bundles"


@pytest.fixture(scope="module", autouse=True)
def no_pairing_twice() -> Iterator[None]:
    """py_ecc's own values, each computed once: many tests ask about the same few proofs."""
    known: dict[str, bool] = {}
    compute = opening.equal_pairings

    def equal_pairings(left: Any, right: Any) -> bool:
        at = repr((left, right))
        if at not in known:
            known[at] = compute(left, right)
        return known[at]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "equal_pairings", equal_pairings)
        yield


@dataclass(frozen=True)
class Honest:
    """A bundle that convinces, its proof and every element of it."""

    bundle: Bundle
    proof: bytes
    elements: list[Element]
    sections: list[str]

    def with_proof(self, proof: bytes) -> bytes:
        """The bundle with another proof."""
        assert isinstance(self.bundle.proof, dict)
        proof_object = {**self.bundle.proof, "data": to_base64(proof)}
        return replace(self.bundle, proof=proof_object).encode()

    def with_tau(self, octets: bytes) -> bytes:
        """The bundle with another string in its key."""
        assert isinstance(self.bundle.material, dict)
        material = {**self.bundle.material, "tau_g2": to_hex(octets)}
        return replace(self.bundle, material=material).encode()

    def tampered(self, section: str) -> Iterator[tuple[str, bytes]]:
        """An element of a section of the proof, in all the ways it can be changed."""
        chosen = [at for at, element in enumerate(self.elements) if element.section == section]
        at = chosen[len(chosen) // 2]
        following = self.elements[at + 1] if at + 1 < len(self.elements) else None
        for way, changed in changes(self.proof, self.elements[at], following):
            yield f"{self.elements[at].name}: {way}", self.with_proof(changed)

    def with_other_quotient(self) -> bytes:
        """The bundle with another point in the last place, which only the pairing notices."""
        (data,) = (data for way, data in self.tampered("quotients") if "another point" in way)
        return data


@cache
def made(lookups: str) -> Honest:
    """A proof in rows that are long enough for a fold that is committed."""
    case = small_case(logrows=8)
    key = replace(case.key, lookups=lookups)
    record = replace(system_record(), key=key.digest())
    convincing = bundle(record=record, material=key.to_json())
    run, root = case.run(), ALONE.root(convincing.statement.digest())
    run.relation.layered = lookups == LAYERED
    prover = Prover(key, TAU, run, root, case.inputs, case.outputs)
    proof = prover.prove()
    whole = Honest(convincing, proof, manifest(prover.frame), sections(prover.frame))
    assert isinstance(convincing.proof, dict)
    proof_object = {**convincing.proof, "data": to_base64(proof)}
    return replace(whole, bundle=replace(convincing, proof=proof_object))


@pytest.fixture(scope="module", params=[COMMITTED, LAYERED])
def honest(request: pytest.FixtureRequest) -> Honest:
    """A bundle that convinces, whichever way its lookups are proven."""
    return made(request.param)


def refusals(data: bytes, policy: Policy = POLICY) -> tuple[str | None, str | None]:
    """The steps at which `verify` and the quick check refuse; None where they accept."""
    found: list[str | None] = []
    for decide in (verify, quick.check):
        try:
            decide(data, policy)
            found.append(None)
        except VerificationError as error:
            found.append(error.step)
    return found[0], found[1]


def test_what_verify_accepts_is_accepted(honest: Honest) -> None:
    assert refusals(honest.bundle.encode()) == (None, None)


def test_one_bundle_of_a_batch_is_accepted_alone() -> None:
    assert refusals(bundles()[1].encode()) == (None, None)


def test_another_opening_of_a_batch_is_refused() -> None:
    _, second, third = bundles()
    assert isinstance(second.proof, dict) and isinstance(third.proof, dict)
    proof = {**second.proof, "opening": third.proof["opening"]}
    assert refusals(replace(second, proof=proof).encode()) == ("proof", "proof")


def test_a_changed_proof_is_refused_where_verify_refuses_it(honest: Honest) -> None:
    for section in honest.sections:
        found = {way: refusals(data) for way, data in honest.tampered(section)}
        assert len(found) >= 4
        assert set(found.values()) <= {("proof", "proof"), ("parse", "parse")}, found


def test_the_two_ways_of_lookups_have_every_section_between_them() -> None:
    assert {one for way in (COMMITTED, LAYERED) for one in made(way).sections} == set(SECTIONS)


def test_only_the_pairing_notices_another_last_quotient(honest: Honest) -> None:
    data = honest.with_other_quotient()
    for decide in (verify, quick.check):
        with pytest.raises(VerificationError, match="the opening does not fit"):
            decide(data, POLICY)


def test_flipped_bits_are_refused_where_verify_refuses_them(honest: Honest) -> None:
    data, rng, steps = honest.bundle.encode(), Random(5), set()
    for _ in range(50):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        ours = refusals(bytes(damaged))
        assert ours[0] == ours[1] is not None
        steps.add(ours[0])
    assert len(steps) > 1


def test_flipped_bits_of_the_proof_are_refused(honest: Honest) -> None:
    rng = Random(6)
    for _ in range(50):
        damaged = bytearray(honest.proof)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        ours = refusals(honest.with_proof(bytes(damaged)))
        assert ours[0] == ours[1] is not None


def test_other_strings_are_refused(honest: Honest) -> None:
    x0, x1, y0, y1 = tau_g2(5)
    # Not one of these is the key that the record names, but all are read before that is known.
    for coordinates, step in (
        (G2_COORDINATES, "srs"),
        ((x1, x0, y0, y1), "srs"),
        ((0, 0, 0, 0), "srs"),
        ((x0 + field_modulus, x1, y0, y1), "srs"),
        ((x0, x1, y0, y1), "proof"),
    ):
        assert refusals(honest.with_tau(tau_g2_octets(coordinates))) == (step, step)


def test_the_policy_counts(honest: Honest) -> None:
    assert refusals(honest.bundle.encode(), Policy()) == ("policy", "policy")


def test_a_bundle_of_another_system_is_refused() -> None:
    data = (VECTORS / "digits-mlp.public-fixed.avow.json").read_bytes()
    with pytest.raises(VerificationError, match="only sumcheck/v1 has a quick check"):
        quick.check(data, POLICY)


def test_it_gives_no_verdict(honest: Honest) -> None:
    answer: Any = quick.check(honest.bundle.encode(), POLICY)  # type: ignore[func-returns-value]
    assert answer is None


def test_verify_never_asks_the_native_core(honest: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = honest.bundle.encode(), honest.with_other_quotient()
    quick.check(good, POLICY)
    assert SYSTEMS[SYSTEM_ID] == type(SYSTEMS[SYSTEM_ID])()
    # A core that lies decides nothing but the quick check.
    for lie in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(_core, "pairing_holds", lambda *_, lie=lie: lie)
            assert refusals(good) == (None, None if lie else "proof")
            assert refusals(bad) == ("proof", None if lie else "proof")

    def missing(*_: object) -> NoReturn:
        raise AssertionError("the native core was asked")

    names = [name for name in dir(_core) if callable(getattr(_core, name))]
    assert {"pairing_holds", "check_point2", "Bases", "point_mul", "keccak256"} <= set(names)
    for name in names:
        if not name.startswith("__"):
            monkeypatch.setattr(_core, name, missing)
    assert refusals(good) == (None, "proof")
