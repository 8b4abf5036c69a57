"""What is refused before it is registered, because it could never be paid."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from avow.verifier.chain.attestation_records import TeeTerms, Tier
from avow.verifier.chain.client import Chain
from avow.verifier.chain.deployment import Placed
from avow.verifier.chain.errors import DeploymentRefused, RpcRefused
from avow.verifier.chain.layouts import (
    MAXIMUM_INSTANCES,
    BatchKey,
    encode_layout,
    never_settles,
    parse_batch_keys,
)
from avow.verifier.chain.orders import NOBODY
from avow.verifier.chain.registration import Compiled, Registry, Royalty, _system
from avow.verifier.chain.signer import development_signer
from avow.verifier.commitment import Scheme
from avow.verifier.records import InputVisibility, OutputShape
from avow.verifier.systems.ezkl.material import Details
from avow.verifier.trace.layout import MOST_OCTETS
from tests.vectors.generate import model_record, system_record
from tests.verifier.chain.test_deployment import deployment

SEAL = Path(__file__).resolve().parents[3] / "contracts" / "src" / "adapters" / "EzklSeal.sol"

DETAILS = Details(bytes(32), bytes(32), proof_bytes=3_000, logrows=12, layout=b"")


def with_values(inputs: int, outputs: int, visibility: InputVisibility) -> str | None:
    """What is said of a model with so many input and output values."""
    base = model_record()
    model = replace(
        base,
        inputs=(replace(base.inputs[0], shape=(1, inputs)),),
        outputs=(OutputShape("logits", (1, outputs)),),
    )
    spec = replace(system_record().outputs[0], shape=(1, outputs))
    record = replace(
        system_record(),
        model=model.digest(),
        outputs=(spec,),
        input_visibility=visibility,
        details=DETAILS.to_pairs(),
    )
    return never_settles(record, model)


def test_the_limit_is_the_contracts() -> None:
    (found,) = re.findall(r"MAXIMUM_INSTANCES = ([0-9_]+);", SEAL.read_text())
    assert int(found) == MAXIMUM_INSTANCES


def test_a_proof_with_too_many_values_is_refused() -> None:
    # Sixteen limbs of binding and ten outputs are published beside the input.
    said = with_values(4_071, 10, InputVisibility.PUBLIC)
    assert said is not None and "publish 4097 values" in said


def test_a_proof_that_fits_no_transaction_with_its_values_is_refused() -> None:
    outputs = 10 * system_record().outputs[0].element_type.width
    most = (MOST_OCTETS - 2_048 - DETAILS.proof_bytes - outputs) // 32 - 26
    assert most < 4_070 and with_values(most, 10, InputVisibility.PUBLIC) is None
    said = with_values(most + 1, 10, InputVisibility.PUBLIC)
    assert said is not None and "a transaction carries 130,560" in said


KEYS = (BatchKey(4, b"\x01" * 20, b"\x02" * 32), BatchKey(16, b"\x03" * 20, b"\x04" * 32))
SUMCHECK = replace(system_record(), system="sumcheck/v1")


def test_the_contracts_for_batches_are_read_as_they_were_written() -> None:
    for keys in ((), KEYS[:1], KEYS):
        layout = encode_layout(SUMCHECK, model_record(), keys)
        assert parse_batch_keys("sumcheck/v1", layout) == keys
    assert parse_batch_keys("ezkl/v1", b"anything") == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (KEYS[::-1], "not ascending"),
        ((KEYS[0], KEYS[0]), "not ascending"),
        ((replace(KEYS[0], batch=1),), "not ascending"),
        ((replace(KEYS[0], batch=0),), "not ascending"),
    ],
)
def test_contracts_for_batches_in_no_order_are_refused(
    keys: tuple[BatchKey, ...], said: str
) -> None:
    with pytest.raises(RpcRefused, match=said):
        parse_batch_keys("sumcheck/v1", encode_layout(SUMCHECK, model_record(), keys))


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + bytes(32)])
def test_a_layout_with_bytes_too_few_or_too_many_is_refused(
    change: Callable[[bytes], bytes],
) -> None:
    layout = encode_layout(SUMCHECK, model_record(), KEYS)
    with pytest.raises(RpcRefused, match=r"malformed|not canonical"):
        parse_batch_keys("sumcheck/v1", change(layout))


def test_a_proof_of_sumcheck_is_not_refused_for_its_number_of_values() -> None:
    assert never_settles(SUMCHECK, model_record()) is None


def test_an_input_that_no_contract_can_be_shown_is_not_proven_to_one() -> None:
    base = model_record()
    for shape, fits in (((1, 63_488), True), ((1, 63_489), False)):
        model = replace(base, inputs=(replace(base.inputs[0], shape=shape),))
        record = replace(SUMCHECK, model=model.digest())
        said = never_settles(record, model)
        assert (said is None) is fits
        assert said is None or "shown all of its inputs" in said
        for system in ("optimistic/v1", "tee/v1"):
            assert never_settles(replace(record, system=system), model) is None
        # Every system of a model is registered with the same scheme, but for hidden inputs.
        placed = Placed(bytes(20), bytes(32))
        schemes = [
            _system(replace(record, input_visibility=visibility), model, placed, b"", "")[6]
            for visibility in (InputVisibility.PUBLIC, InputVisibility.HASHED)
        ]
        assert schemes == [Scheme.PUBLIC if fits else Scheme.PUBLIC_TREE, Scheme.EZKL_POSEIDON]


def test_inputs_of_which_each_could_be_shown_must_be_shown_together_to_prove_something() -> None:
    base = model_record()
    for last, fits in ((1, True), (2, False)):
        inputs = tuple(replace(base.inputs[0], shape=(1, n)) for n in (31_744, 31_743, last))
        model = replace(base, inputs=inputs)
        said = never_settles(replace(SUMCHECK, model=model.digest()), model)
        assert (said is None) is fits
        assert said is None or "shown all of its inputs" in said
        # A refutation shows one of them.
        placed = Placed(bytes(20), bytes(32))
        record = replace(SUMCHECK, system="optimistic/v1", model=model.digest())
        assert never_settles(record, model) is None
        assert _system(record, model, placed, b"", "")[6] == Scheme.PUBLIC


class Asked(Exception):
    """The chain was asked or told something."""


class Unasked:
    """A chain that notices whatever is asked of it."""

    def __getattr__(self, name: str) -> None:
        raise Asked(name)


def test_what_no_proof_could_contradict_is_refused_before_anything_is_sent() -> None:
    """Whoever is refused has paid for no transaction, and left no model behind."""
    base, registry = model_record(), Registry(cast(Chain, Unasked()), deployment())
    large = replace(base.inputs[0], shape=(1, 63_489))
    half = replace(base.inputs[0], shape=(1, 31_745))
    terms = TeeTerms(Tier.SIMULATED, provable=True)
    for inputs, tee, refused in (
        ((large,), terms, DeploymentRefused),
        ((base.inputs[0], large), terms, DeploymentRefused),
        ((half, half), terms, DeploymentRefused),
        ((half, half), replace(terms, provable=False), Asked),
        ((large,), replace(terms, provable=False), Asked),
        (base.inputs, terms, Asked),
    ):
        model = replace(base, owner=NOBODY, inputs=inputs)
        record = replace(SUMCHECK, system="tee/v1", model=model.digest())
        with pytest.raises(refused) as said:
            registry.register(
                development_signer(0), Compiled(model, record, b"", tee=tee), Royalty()
            )
        if refused is DeploymentRefused:
            assert "no contract can be shown inputs of that size" in str(said.value)


def test_a_hidden_input_publishes_no_values() -> None:
    assert with_values(10_000, 10, InputVisibility.HASHED) is None
