"""A complete small bundle under a proof system that exists in these tests only."""

from dataclasses import replace
from typing import Literal

from eth_account import Account
from eth_account.messages import encode_defunct

from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import ALONE, Path, build
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.verdict import Assurance, Hides

OWNER = Account.from_key(keccak256(b"owner of the example model"))
STRANGER = Account.from_key(keccak256(b"somebody else"))
PROGRAM = keccak256(b"program")
KEY = keccak256(b"key")


class Doubling:
    """Proves `y = 2 x` by recomputing it; the proof repeats the root that it belongs to.

    Deliberately weak as a system (no secret, no succinctness), complete as a checking half.
    """

    system_id = "doubling/v1"
    input_schemes = frozenset({Scheme.PUBLIC, Scheme.SALTED, Scheme.PUBLIC_TREE})
    assurance = Assurance.PROVEN
    final_at: int | None = None
    final_at_by: Literal["claim", "chain"] = "claim"

    def verify(self, evidence: Evidence) -> Findings:
        proof = Fields(evidence.proof, "proof", {"root"})
        material = Fields(evidence.material, "material", {"key"})
        if proof.octets("root", 32) != evidence.root:
            raise VerificationError("proof", "bound to another statement")
        if keccak256(material.text("key").encode()) != evidence.system.key:
            raise VerificationError("proof", "another key")
        if evidence.inputs is None:
            raise VerificationError("proof", "needs the input")
        doubled = tuple(2 * value for value in evidence.inputs[0].values)
        if doubled != evidence.outputs[0].values:
            raise VerificationError("proof", "the output is not the double of the input")
        return Findings(
            self.assurance,
            Hides.NONE,
            None,
            "y = 2 x",
            final_at=self.final_at,
            final_at_by=self.final_at_by,
        )


def model_record() -> ModelRecord:
    """The example's model record."""
    return ModelRecord(
        name="doubling",
        version="1",
        onnx_sha256=keccak256(b"onnx"),
        inputs=(TensorSpec("x", ElementType.INT16, (1, 3), 4, -100, 100),),
        outputs=(OutputShape("y", (1, 3)),),
        licence="Apache-2.0",
        owner=bytes.fromhex(OWNER.address[2:]),
    )


def system_record() -> SystemRecord:
    """The example's system record."""
    return SystemRecord(
        model=model_record().digest(),
        system="doubling/v1",
        program=PROGRAM,
        key=KEY,
        srs=None,
        outputs=(TensorSpec("y", ElementType.INT32, (1, 3), 4, -200, 200),),
        input_visibility=InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.FIXED,
        fidelity=Fidelity(256, "1", "0.5", "0.25"),
        constraints=3,
        proving_memory_bytes=1024,
        evm_codehash=keccak256(b"code"),
        measurements=(bytes(48),),
        details=(("note", "for tests"),),
    )


def sign(record_digest: bytes, account: object = OWNER) -> bytes:
    """An EIP-191 signature made by an independent library."""
    return bytes(account.sign_message(encode_defunct(record_digest)).signature)  # type: ignore[attr-defined]


def statement(values: tuple[int, ...] = (1, -2, 3), nonce: int = 7) -> Statement:
    """A statement of the example model about `values`."""
    return Statement(
        OFF_CHAIN,
        model_record().digest(),
        "doubling/v1",
        PROGRAM,
        KEY,
        commit_public([Tensor(ElementType.INT16, (1, 3), values)]),
        commit_public([Tensor(ElementType.INT32, (1, 3), tuple(2 * v for v in values))]),
        bytes(32),
        bytes(20),
        nonce,
    )


def bundle(values: tuple[int, ...] = (1, -2, 3)) -> Bundle:
    """A signed bundle that a policy with `unsafe` choices off accepts."""
    about = statement(values)
    return prove(
        Bundle(
            statement=about,
            path=ALONE,
            model=model_record(),
            system=system_record(),
            signature=sign(system_record().digest()),
            inputs=(Tensor(ElementType.INT16, (1, 3), values),),
            salt=None,
            outputs=(Tensor(ElementType.INT32, (1, 3), tuple(2 * v for v in values)),),
            proof={},
            material={"key": "key"},
        )
    )


def prove(unproven: Bundle) -> Bundle:
    """Give the bundle the proof that belongs to its root."""
    root = unproven.path.root(unproven.statement.digest())
    proof: Json = {"root": to_hex(root)}
    return replace(unproven, proof=proof)


def in_batch(count: int, index: int) -> Bundle:
    """A bundle whose statement is one of `count` proven together."""
    digests = [statement(nonce=nonce + 1).digest() for nonce in range(count)]
    _, paths = build(digests)
    path: Path = paths[index]
    return prove(replace(bundle(), statement=statement(nonce=index + 1), path=path))
