"""avow-evidence/1: what is read, and every way in which it is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.mixed.policy import Several, Single, parse_evidence_policy, singles
from avow.verifier.verdict import Assurance
from tests.verifier.mixed.kinds import single


def text(evidence: Json, **more: Json) -> bytes:
    return json.dumps({"format": "avow-evidence/1", "evidence": evidence, **more}).encode()


def test_a_tree_is_read_with_its_places() -> None:
    tree: Json = {"all_of": [single("a/v1"), {"any_of": [single("b/v1"), single("c/v1")]}]}
    policy = parse_evidence_policy(text(tree))
    assert isinstance(policy.root, Several) and policy.root.every
    assert [(one.place, one.policy.systems) for one in singles(policy.root)] == [
        ("all_of[0]", ("a/v1",)),
        ("all_of[1].any_of[0]", ("b/v1",)),
        ("all_of[1].any_of[1]", ("c/v1",)),
    ]


def test_one_policy_alone_is_a_tree() -> None:
    root = parse_evidence_policy(text(single())).root
    assert isinstance(root, Single)
    assert root.policy.minimum_assurance is Assurance.PROVEN


def test_no_policy_in_the_tree_undercuts_its_minimum() -> None:
    tree: Json = {"any_of": [single(minimum_assurance="SIMULATED"), single()]}
    policy = parse_evidence_policy(text(tree, minimum_assurance="SETTLED"))
    levels = [one.policy.minimum_assurance for one in singles(policy.root)]
    assert levels == [Assurance.SETTLED, Assurance.PROVEN]


def nested(levels: int) -> Json:
    node: Json = single()
    for _ in range(levels):
        node = {"all_of": [node]}
    return node


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "evidence policy must be an object"),
        (b"{}", "lacks 'evidence', 'format'"),
        (text({"all_of": []}), "all_of must have 1 to 8 items, got 0"),
        (text({"any_of": []}), "any_of must have 1 to 8 items, got 0"),
        (text({"any_of": [single()] * 9}), "any_of must have 1 to 8 items, got 9"),
        (text({"all_of": "x"}), "all_of must be a list"),
        (text({}), "evidence must have one of all_of, any_of and policy"),
        (text({"all_of": [single()], "any_of": [single()]}), "must have one of"),
        (text({"all_of": [{}]}), "all_of[0] must have one of"),
        (text({"none_of": [single()]}), "evidence has unknown 'none_of'"),
        (text(single() | {"name": "x"}), "evidence has unknown 'name'"),
        (text({"all_of": [single(nonse="7")]}), "all_of[0]: policy has unknown 'nonse'"),
        (text({"policy": {"format": "avow-policy/2"}}), "evidence: policy.format must be one of"),
        (text({"policy": [1]}), "evidence: policy must be an object"),
        (text(single(), level="x"), "evidence policy has unknown 'level'"),
        (text(single(), minimum_assurance="SURE"), "minimum_assurance must be one of"),
        (text(nested(4)), "is below 3 levels, the most allowed"),
        (text({"all_of": [{"any_of": [single()] * 6}] * 3}), "holds 18 policies, at most 16"),
        (text(single()).replace(b"evidence/1", b"evidence/2"), "got one of 'avow-evidence/2'"),
        (text(single())[:-1] + b', "evidence": {}}', "key 'evidence' appears twice"),
        (
            b'{"format":"avow-evidence/1","evidence":{"policy":{"format":"avow-policy/1",'
            b'"nonce":"1","nonce":"2"}}}',
            "key 'nonce' appears twice",
        ),
        (b"[" * 100, "nested deeper"),
    ],
)
def test_anything_else_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_evidence_policy(data)
    assert caught.value.step == "parse"
    assert said in caught.value.message


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_evidence_policy(data)
