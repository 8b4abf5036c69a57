"""The statement's digest, against an independent EIP-712 encoder and the shared vectors."""

import json
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from avow.verifier.commitment import Commitment, Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.statement import OFF_CHAIN, Domain, Statement, parse_statement
from tests.vectors import generate

TYPES = {
    "Statement": [
        {"type": kind, "name": name}
        for kind, name in (
            ("bytes32", "model"),
            ("string", "system"),
            ("bytes32", "program"),
            ("bytes32", "key"),
            ("Commitment", "input"),
            ("Commitment", "output"),
            ("bytes32", "order"),
            ("address", "provider"),
            ("uint256", "nonce"),
        )
    ],
    "Commitment": [{"type": "uint16", "name": "scheme"}, {"type": "bytes32", "name": "value"}],
}


def independent_digest(statement: Statement) -> bytes:
    message = encode_typed_data(
        {
            "name": "Avow",
            "version": "1",
            "chainId": statement.domain.chain_id,
            "verifyingContract": "0x" + statement.domain.market.hex(),
        },
        TYPES,
        {
            "model": statement.model,
            "system": statement.system,
            "program": statement.program,
            "key": statement.key,
            "input": {"scheme": int(statement.input.scheme), "value": statement.input.value},
            "output": {"scheme": int(statement.output.scheme), "value": statement.output.value},
            "order": statement.order,
            "provider": "0x" + statement.provider.hex(),
            "nonce": statement.nonce,
        },
    )
    return keccak(b"\x19" + message.version + message.header + message.body)


@pytest.mark.parametrize("statement", generate.statements())
def test_digest_is_the_eip712_digest(statement: Statement) -> None:
    assert statement.digest() == independent_digest(statement)


@pytest.mark.parametrize("statement", generate.statements())
def test_round_trip(statement: Statement) -> None:
    assert parse_statement(statement.to_json()) == statement


def test_every_field_changes_the_digest() -> None:
    base = generate.statements()[0]
    other = b"\x77" * 32
    changed = [
        replace(base, domain=Domain(1, base.domain.market)),
        replace(base, domain=Domain(base.domain.chain_id, b"\x77" * 20)),
        replace(base, model=other),
        replace(base, system="ezkl/v2"),
        replace(base, program=other),
        replace(base, key=other),
        replace(base, input=Commitment(Scheme.SALTED, base.input.value)),
        replace(base, input=Commitment(base.input.scheme, other)),
        replace(base, output=Commitment(Scheme.SALTED, base.output.value)),
        replace(base, output=Commitment(base.output.scheme, other)),
        replace(base, order=other),
        replace(base, provider=b"\x77" * 20),
        replace(base, nonce=2),
    ]
    assert len({item.digest() for item in [base, *changed]}) == len(changed) + 1


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": 0},
        {"nonce": 2**256},
        {"order": bytes(32)},
        {"domain": OFF_CHAIN},
        {"provider": b""},
        {"model": b"\x01" * 31},
    ],
)
def test_unfit_statements_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(VerificationError):
        replace(generate.statements()[0], **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(("chain_id", "market"), [(0, b"\x01" * 20), (1, bytes(20)), (-1, b"")])
def test_half_a_domain_is_refused(chain_id: int, market: bytes) -> None:
    with pytest.raises(VerificationError):
        Domain(chain_id, market)


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "0"},
        {"nonce": "01"},
        {"nonce": 1},
        {"nonce": str(2**256)},
        {"model": "0x" + "AB" * 32},
        {"model": "ab" * 32},
        {"input": {"scheme": 5, "value": "0x" + "00" * 32}},
        {"input": {"scheme": 0, "value": "0x" + "00" * 32}},
        {"system": ""},
        {"system": "ezkl/v1\n"},
        {"time": 1},
    ],
)
def test_unfit_json_is_refused(change: dict[str, object]) -> None:
    good = generate.statements()[0].to_json()
    assert isinstance(good, dict)
    with pytest.raises(VerificationError):
        parse_statement({**good, **change})  # type: ignore[dict-item]


def test_vectors_are_what_the_code_computes() -> None:
    """The file is what Solidity reads; it changes only on purpose."""
    assert json.loads(generate.PATH.read_text()) == json.loads(json.dumps(generate.vectors()))
