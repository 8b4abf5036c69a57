"""What refuting an element is predicted to take, beside refutations as they are."""

import pytest

from avow.circuits.errors import CircuitError
from avow.circuits.optimistic import heaviest
from avow.circuits.optimistic.heaviest import gas_of, heaviest_element
from avow.prover.refutation import Place
from avow.verifier.trace.refutation import Kind
from tests.programs.claims import every_case

RUN = every_case().run
INPUTS = len(RUN.program.inputs)


def test_no_refutation_is_longer_than_predicted() -> None:
    refuter = RUN.refuter()
    for tensor in range(INPUTS, len(RUN.values)):
        found = heaviest._of_tensor(RUN.program, RUN.blobs, RUN.key, tensor)
        predicted = max(one.octets for one in found)
        for element in range(len(RUN.values[tensor])):
            shown = refuter.refute(Place(Kind.OPERATION, tensor, element))
            assert len(shown) < predicted, (tensor, element)


def test_no_refutation_of_inputs_and_outputs_is_longer_than_predicted() -> None:
    refuter = RUN.refuter()
    places = [(Place(Kind.INPUT, at, 0), RUN.inputs) for at in range(INPUTS)]
    for number, output in enumerate(RUN.program.outputs):
        places.append((Place(Kind.OUTPUT, output.tensor, 0, number), RUN.outputs))
    for place, stated in places:
        found = heaviest._of_tensor(RUN.program, RUN.blobs, RUN.key, place.tensor)
        whole = next(one for one in found if one.operation == "input or output")
        assert len(refuter.refute(place, stated)) < whole.octets


def test_the_heaviest_is_named_and_too_heavy_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = (RUN.program, RUN.blobs, RUN.key)
    worst = heaviest_element(*arguments)
    assert worst.gas <= heaviest.MOST_GAS
    monkeypatch.setattr(heaviest, "MOST_GAS", worst.gas - 1)
    named = rf"tensor {worst.tensor} \({worst.operation}\): .* {worst.gas:,} gas"
    with pytest.raises(CircuitError, match=named):
        heaviest_element(*arguments)


def test_more_bytes_or_reads_never_take_less() -> None:
    assert gas_of(1000, 10) <= gas_of(1000, 10_000)
    assert gas_of(1000, 10) < gas_of(2000, 10)
