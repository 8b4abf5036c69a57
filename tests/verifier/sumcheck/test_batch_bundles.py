"""Bundles of one proof: each holds one sample, and convinces alone or with others."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from avow.verifier import canonical
from avow.verifier.bundle import Bundle
from avow.verifier.commitment import commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.merkle import build
from avow.verifier.systems.sumcheck.key import PROOF_FORMAT
from avow.verifier.verdict import Verdict
from avow.verifier.verify import verify, verify_together
from tests.verifier.sumcheck.example import small_case
from tests.verifier.sumcheck.test_half import POLICY, bundle

pytestmark = pytest.mark.usefixtures("known_secret")


@cache
def bundles(batch: int = 3) -> tuple[Bundle, ...]:
    """A proof of several statements, one bundle for each."""
    case = small_case(batch)
    made = bundle()
    statements = [
        replace(made.statement, input=commit_public(given), output=commit_public(answered))
        for given, answered in zip(case.inputs, case.outputs, strict=True)
    ]
    root, paths = build([statement.digest() for statement in statements])
    proof = case.prover(root).prove()
    return tuple(
        replace(
            made,
            statement=statement,
            path=path,
            inputs=case.inputs[index],
            outputs=case.outputs[index],
            proof={
                "format": PROOF_FORMAT,
                "batch": batch,
                "data": to_base64(proof),
                "opening": to_hex(proof.openings[index]),
            },
        )
        for index, (statement, path) in enumerate(zip(statements, paths, strict=True))
    )


def without_opening(one: Bundle) -> dict[str, object]:
    """The proof object of a bundle that lacks its own part."""
    proof = one.proof
    assert isinstance(proof, dict)
    return {name: value for name, value in proof.items() if name != "opening"}


def test_every_bundle_convinces_alone() -> None:
    for one in bundles():
        assert verify(one.encode(), POLICY).outputs == one.outputs


@pytest.mark.usefixtures("real_pairing")
def test_bundles_of_one_proof_convince_together() -> None:
    found = verify_together([(one.encode(), POLICY) for one in bundles()])
    assert [one.outputs for one in found if isinstance(one, Verdict)] == [
        one.outputs for one in bundles()
    ]


def test_one_bundles_fault_is_not_the_others() -> None:
    first, second, third = bundles()
    wrong = replace(second, proof={**second.proof, "opening": "0x" + "00" * 64})  # type: ignore[dict-item]
    found = verify_together([(one.encode(), POLICY) for one in (first, wrong, third)])
    assert [isinstance(one, Verdict) for one in found] == [True, False, True]


def test_bundles_of_two_proofs_are_told_apart() -> None:
    first, second, _ = bundles()
    other = bundles(2)[1]
    found = verify_together([(one.encode(), POLICY) for one in (first, other, second)])
    assert all(isinstance(one, Verdict) for one in found)


def test_a_bundle_holds_nothing_of_the_others() -> None:
    case = small_case(3)
    texts = [one.encode() for one in bundles()]
    for index, text in enumerate(texts):
        for other, statement in enumerate(one.statement for one in bundles()):
            tensors = (*case.inputs[other], *case.outputs[other])
            held = all(str(list(t.values)).replace(" ", "").encode() in text for t in tensors)
            assert held == (index == other) or case.inputs[index] == case.inputs[other]
            # A digest can be tested by whoever guesses; the leaf of another is among the siblings.
            assert (statement.input.value.hex().encode() in text) == (index == other)


@pytest.mark.parametrize(
    "damage",
    [
        lambda one, other: replace(one, proof={**one.proof, "batch": 2}),
        lambda one, other: replace(one, proof={**one.proof, "batch": 4}),
        lambda one, other: replace(one, proof={**one.proof, "batch": 1}),
        lambda one, other: replace(one, proof={**one.proof, "opening": other.proof["opening"]}),
        lambda one, other: replace(one, proof=without_opening(one)),
        lambda one, other: replace(one, path=other.path),
        lambda one, other: replace(one, path=replace(one.path, index=one.path.index ^ 1)),
        lambda one, other: replace(one, path=replace(one.path, index=3)),
        lambda one, other: replace(one, statement=other.statement),
        lambda one, other: replace(
            one, statement=other.statement, inputs=other.inputs, outputs=other.outputs
        ),
        lambda one, other: replace(one, statement=replace(one.statement, nonce=2)),
        lambda one, other: replace(one, proof=bundles(2)[0].proof),
    ],
)
def test_a_damaged_bundle_is_refused(damage: Callable[[Bundle, Bundle], Bundle]) -> None:
    first, second, _ = bundles()
    with pytest.raises(VerificationError):
        verify(damage(first, second).encode(), POLICY)


def test_fewer_statements_than_samples() -> None:
    """A batch may be filled up: the tree has the statements alone."""
    case = small_case(3)
    first, second, _ = bundles()
    statements = [one.statement for one in (first, second)]
    root, paths = build([statement.digest() for statement in statements])
    proof = case.prover(root).prove()
    for index, one in enumerate((first, second)):
        changed = {
            **one.proof,  # type: ignore[dict-item]
            "data": to_base64(proof),
            "opening": to_hex(proof.openings[index]),
        }
        verify(replace(one, path=paths[index], proof=changed).encode(), POLICY)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of an object, of lists the first two items."""
    if path:
        yield path
    if isinstance(value, list):
        value = dict(enumerate(value[:2]))
    for name, part in value.items() if isinstance(value, dict) else ():
        yield from places(part, (*path, name))


JUNK: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    4,
    1024,
    1025,
    2**63,
    -(2**63),
    "",
    "0x",
    "AAAA",
    [],
    {},
    [[]],
]


@pytest.mark.parametrize("part", ["statement", "path", "proof", "material", "inputs", "outputs"])
def test_junk_anywhere_in_a_bundle_is_refused_in_the_one_way(part: str) -> None:
    """Never another exception, and never a verdict."""
    honest = json.loads(bundles()[1].encode())
    tried = 0
    for path in places(honest[part], (part,)):
        for junk in (*JUNK, "0x" + "00" * 64, "0x" + "ff" * 64):
            changed = deepcopy(honest)
            holder = changed
            for name in path[:-1]:
                holder = holder[name]
            if type(holder[path[-1]]) is type(junk) and holder[path[-1]] == junk:
                continue
            holder[path[-1]] = junk
            with pytest.raises(VerificationError):
                verify(canonical.encode(changed), POLICY)
            tried += 1
    assert tried > 30
