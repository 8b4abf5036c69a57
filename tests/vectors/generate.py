"""Writes formats.json: values that Python and Solidity must compute alike.

Run `python tests/vectors/generate.py` after a deliberate change of format; released values never
change.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from avow.verifier import canonical, merkle
from avow.verifier.commitment import Commitment, Scheme, commit_salted
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SrsClaim,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.statement import OFF_CHAIN, Domain, Statement
from avow.verifier.systems.system import selector
from avow.verifier.tensor import ElementType, Tensor, TensorSpec, tensors_digest
from avow.verifier.trace.inputs import commit_tree, input_root, rooted_digest

PATH = Path(__file__).with_name("formats.json")


def word(number: int) -> bytes:
    """A recognisable 32-byte value."""
    return keccak256(number.to_bytes(32, "big"))


TENSORS = (
    Tensor(ElementType.INT8, (), (-1,)),
    Tensor(ElementType.INT8, (2, 2), (-128, 127, 0, 1)),
    Tensor(ElementType.INT16, (1, 3), (1, -2, 300)),
    Tensor(ElementType.INT32, (4,), (-(2**31), 2**31 - 1, 0, -1)),
    Tensor(ElementType.INT64, (1, 1, 2), (-(2**63), 2**63 - 1)),
    Tensor(ElementType.INT16, (1, 64), tuple(range(-32, 32))),
)


# One chunk of 256 bytes filled to its end, one byte more, and five chunks under a tree of eight.
PICTURES = (
    Tensor(ElementType.INT8, (16, 16), tuple(range(-128, 128))),
    Tensor(ElementType.INT8, (257,), tuple(at % 255 - 127 for at in range(257))),
    Tensor(ElementType.INT16, (3, 5, 40), tuple(7 * at - 2_000 for at in range(600))),
)


def tensor_spec() -> TensorSpec:
    """The schema of the example model's input."""
    return TensorSpec("image", ElementType.INT16, (1, 3), 7, -1024, 1024)


def model_record() -> ModelRecord:
    """An example model record."""
    return ModelRecord(
        name="example",
        version="1",
        onnx_sha256=word(1),
        inputs=(tensor_spec(),),
        outputs=(OutputShape("logits", (1, 2)),),
        licence="Apache-2.0",
        owner=bytes(range(20)),
    )


def system_record() -> SystemRecord:
    """An example system record of that model."""
    return SystemRecord(
        model=model_record().digest(),
        system="ezkl/v1",
        program=word(2),
        key=word(3),
        srs=SrsClaim(word(4), False),
        outputs=(TensorSpec("logits", ElementType.INT64, (1, 2), 14, -(2**40), 2**40),),
        input_visibility=InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.FIXED,
        fidelity=Fidelity(256, "0.99609375", "0.015625", "0.00048828125"),
        constraints=4321,
        proving_memory_bytes=2**29,
        evm_codehash=word(5),
        measurements=(),
        details=(("scale", "7"),),
    )


def statements() -> tuple[Statement, ...]:
    """One statement on a chain, one off chain, one with a hidden input."""
    output = Commitment(Scheme.PUBLIC, TENSORS[4].digest())
    on_chain = Statement(
        Domain(31337, bytes(range(1, 21))),
        word(10),
        "ezkl/v1",
        word(11),
        word(12),
        Commitment(Scheme.PUBLIC, TENSORS[2].digest()),
        output,
        word(13),
        bytes(range(21, 41)),
        1,
    )
    off_chain = Statement(
        OFF_CHAIN,
        word(10),
        "ezkl/v1",
        word(11),
        word(12),
        commit_salted([TENSORS[2]], word(14)),
        output,
        bytes(32),
        bytes(20),
        2**256 - 1,
    )
    hidden = Statement(
        Domain(1, bytes(range(2, 22))),
        word(20),
        "sumcheck/v1",
        word(21),
        word(22),
        Commitment(Scheme.EZKL_POSEIDON, word(23)),
        output,
        word(24),
        bytes(range(31, 51)),
        2**64,
    )
    return on_chain, off_chain, hidden


def _statement(statement: Statement) -> dict[str, object]:
    return {
        "chain_id": statement.domain.chain_id,
        "market": to_hex(statement.domain.market),
        "model": to_hex(statement.model),
        "system": statement.system,
        "program": to_hex(statement.program),
        "key": to_hex(statement.key),
        "input_scheme": int(statement.input.scheme),
        "input_value": to_hex(statement.input.value),
        "output_scheme": int(statement.output.scheme),
        "output_value": to_hex(statement.output.value),
        "order": to_hex(statement.order),
        "provider": to_hex(statement.provider),
        "nonce": str(statement.nonce),
        "domain_separator": to_hex(statement.domain.separator()),
        "struct_hash": to_hex(statement.struct_hash()),
        "digest": to_hex(statement.digest()),
    }


def _tree(count: int) -> dict[str, object]:
    digests = [word(100 + at) for at in range(count)]
    root, paths = merkle.build(digests)
    return {
        "statements": [to_hex(digest) for digest in digests],
        "root": to_hex(root),
        "paths": [path.to_json() for path in paths],
    }


def _order_id(chain_id: int, market: bytes, requester: bytes, counter: int) -> bytes:
    return keccak256(
        chain_id.to_bytes(32, "big")
        + market.rjust(32, b"\0")
        + requester.rjust(32, b"\0")
        + counter.to_bytes(32, "big")
    )


def _input_tree(tensors: Sequence[Tensor]) -> dict[str, object]:
    roots = [input_root(one) for one in tensors]
    digests = [
        rooted_digest(one.element_type, one.shape, root)
        for one, root in zip(tensors, roots, strict=True)
    ]
    return {
        "tensors": [
            {
                "type_code": one.element_type.code,
                "shape": list(one.shape),
                "data": to_hex(one.data()),
                "root": to_hex(root),
                "digest": to_hex(digest),
            }
            for one, root, digest in zip(tensors, roots, digests, strict=True)
        ],
        "value": to_hex(commit_tree(tensors).value),
    }


def vectors() -> dict[str, object]:
    """Every vector, as JSON values."""
    salt = word(14)
    return {
        "tensors": [
            {
                "type": tensor.element_type.value,
                "type_code": tensor.element_type.code,
                "shape": list(tensor.shape),
                "data": to_hex(tensor.data()),
                "digest": to_hex(tensor.digest()),
            }
            for tensor in TENSORS
        ],
        "tensor_lists": [
            {
                "digests": [to_hex(tensor.digest()) for tensor in TENSORS[:count]],
                "digest": to_hex(tensors_digest(TENSORS[:count])),
            }
            for count in (1, 2, 6)
        ],
        "input_trees": [_input_tree(tensors) for tensors in (TENSORS[2:3], TENSORS, PICTURES)],
        "salted": [
            {
                "digest": to_hex(tensor.digest()),
                "salt": to_hex(salt),
                "value": to_hex(commit_salted([tensor], salt).value),
            }
            for tensor in TENSORS[:3]
        ],
        "statements": [_statement(statement) for statement in statements()],
        "trees": [_tree(count) for count in (1, 2, 3, 4, 5, 8, 13)],
        "bindings": [
            {
                "root": to_hex(root),
                "limbs": [int.from_bytes(root[at : at + 2], "big") for at in range(0, 32, 2)],
            }
            for root in (word(200), bytes(32), b"\xff" * 32)
        ],
        "selectors": [
            {"system": name, "selector": to_hex(selector(name))}
            for name in ("ezkl/v1", "sumcheck/v1", "optimistic/v1", "tee/v1")
        ],
        "order_ids": [
            {
                "chain_id": 31337,
                "market": to_hex(bytes(range(1, 21))),
                "requester": to_hex(bytes(range(40, 60))),
                "counter": counter,
                "order": to_hex(
                    _order_id(31337, bytes(range(1, 21)), bytes(range(40, 60)), counter)
                ),
            }
            for counter in (0, 1)
        ],
        "leg_states": [{"name": state.name, "number": int(state)} for state in LegState],
        "models": [
            {
                "json": canonical.encode(model_record().to_json()).decode(),
                "digest": to_hex(model_record().digest()),
            }
        ],
        "systems": [
            {
                "json": canonical.encode(system_record().to_json()).decode(),
                "digest": to_hex(system_record().digest()),
            }
        ],
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n")
