"""Every official operator test ends as the ledger says; one that is not listed fails."""

import json

import numpy as np
import pytest

from tests.models.compiler.conformance import cases
from tests.models.compiler.conformance.generate import LEDGER

REQUIRED = frozenset(
    """
    Add And ArgMax AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Div Dropout Elu Equal Erf Exp Expand Flatten Gather Gelu Gemm GlobalAveragePool
    Greater HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less
    LogSoftmax MatMul Max MaxPool Min Mul Not Or PRelu Pad Pow Reciprocal ReduceMax ReduceMean
    ReduceSum Relu Reshape Shape Sigmoid Slice Softmax Split Sqrt Squeeze Sub Tanh Tile Transpose
    Unsqueeze Where
    """.split()
)


@pytest.fixture(scope="module")
def ledger() -> dict[str, str]:
    """The committed ledger."""
    found = json.loads(LEDGER.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_every_case_ends_as_the_ledger_says(ledger: dict[str, str]) -> None:
    """Passed or refused with the same reason; nothing unlisted, nothing listed in vain."""
    outcomes = {name: cases.run(case) for name, case in cases.collect().items()}
    changed = {
        name: (ledger.get(name, "not in the ledger"), outcomes.get(name, "no such case"))
        for name in ledger.keys() | outcomes.keys()
        if ledger.get(name) != outcomes.get(name)
    }
    assert not changed


@pytest.mark.parametrize("bits", [8, 12])
def test_fewer_bits_keep_the_bounds_too(bits: int, ledger: dict[str, str]) -> None:
    """What passes at 16 bits is within the bound that is derived at 8 and at 12."""
    for name, case in cases.collect().items():
        if ledger[name].startswith(cases.PASSED):
            assert cases.run(case, bits).startswith(cases.PASSED), name


def test_every_operator_that_compiles_passes_an_official_case(ledger: dict[str, str]) -> None:
    """No operator stands in the table by name only."""
    passing = {
        node.op_type
        for name, case in cases.collect().items()
        if ledger[name] == cases.PASSED
        for node in case.model.graph.node
    }
    assert not REQUIRED - passing


@pytest.mark.parametrize("name", ["test_conv_with_strides_padding", "test_gelu_default_2"])
def test_a_wrong_answer_is_noticed(name: str) -> None:
    """Answers moved by three times the bound and float32's own error do not pass."""
    case = cases.collect()[name]
    built, rows = cases.compiled(case)
    assert cases.run(case) == cases.PASSED
    bound = built.builder.errors[built.program.outputs[0].tensor]
    wanted = case.outputs[0].astype(np.float64)
    moved = wanted + 3 * (bound + 2.0**-20 * np.abs(wanted) + 1e-6)
    with pytest.raises(AssertionError, match="off by"):
        cases.compare(case, moved, wanted, bound)
    assert rows[0].shape[0] == 1
