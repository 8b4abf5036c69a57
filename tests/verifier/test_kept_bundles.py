"""Bundles of earlier versions verify for ever, and every leaf of one that is altered is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from avow.verifier import canonical
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.verifier.leaves import leaves, mutations

FOLDER = Path(__file__).parents[1] / "vectors" / "bundles"
KEPT = {
    "digits-mlp.public-fixed": "none",
    "tumour-risk.hashed-fixed": "inputs",
    "tumour-risk.public-hashed": "weights",
    "tumour-risk.hashed-hashed": "both",
}
ALLOW = Policy(unsafe_allow_unsafe_srs=True)


def kept(name: str) -> bytes:
    return (FOLDER / f"{name}.avow.json").read_bytes()


def test_every_kept_bundle_is_listed_here() -> None:
    found = {path.name.removesuffix(".avow.json") for path in FOLDER.iterdir()}
    assert found == set(KEPT)


@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_kept_bundle_verifies(name: str) -> None:
    verdict = verify(kept(name), ALLOW)
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.hides.value == KEPT[name]
    assert verdict.srs_safe is False
    assert verdict.model_name == name.split(".")[0] + " 1.0.0"
    with pytest.raises(VerificationError, match="SRS is unsafe"):
        verify(kept(name), Policy())


def test_the_digit_is_read_from_a_kept_bundle() -> None:
    (logits,) = verify(kept("digits-mlp.public-fixed"), ALLOW).outputs
    assert logits.shape == (1, 10)
    assert max(logits.values) > 0


def test_every_altered_leaf_is_refused() -> None:
    """With the record pinned nothing is free: each leaf is bound by statement, record or proof."""
    data = kept("tumour-risk.hashed-fixed")
    whole = json.loads(data)
    record = parse_bundle(data).system.digest()
    policy = replace(ALLOW, record=record)
    verify(data, policy)
    paths = list(leaves(whole))
    tried = set()
    for path in paths:
        for mutation in mutations(whole, path):
            with pytest.raises(VerificationError):
                verify(canonical.encode(mutation), policy)
            tried.add(path)
    assert tried == set(paths)
    assert {path[0] for path in tried} == set(whole)
