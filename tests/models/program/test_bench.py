"""The benchmark measures what it says: two equal networks, and an executor that is right."""

import numpy as np
import onnx
import onnxruntime
import pytest

from avow.models.program.bench import bench_executors, lines, machine
from avow.models.program.bench_nets import CNN, LENET, MLP, NETS, Net, grow
from avow.models.program.fast import FastExecutor
from avow.models.program.intervals import check
from avow.models.program.reference import Reference


@pytest.mark.parametrize("net", [LENET, CNN, MLP], ids=lambda net: net.name)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_networks_are_exact_and_alive(net: Net, bits: int) -> None:
    program, blobs, model = grow(net, bits)
    check(program, blobs)
    spec = program.inputs[0]
    x = np.random.default_rng(bits).integers(0, spec.maximum + 1, (3, *spec.shape))
    expected = Reference(program, blobs).run([x])
    (answer,) = FastExecutor(program, blobs).run([x])
    assert np.array_equal(answer, expected[0])
    # Not all cut off: the work that is timed is real.
    assert len(np.unique(answer)) > 5
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (real,) = session.run(None, {"x": np.zeros((3, *net.shape), np.float32)})
    assert real.shape[0] == 3
    assert real.size == answer.size


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_both_forms_have_as_many_weights(net: Net) -> None:
    _, blobs, model = grow(net, 8)
    graph = onnx.load_from_string(model).graph
    floats = [item for item in graph.initializer if item.data_type == onnx.TensorProto.FLOAT]
    ours = sorted(int(np.prod(blob.shape)) for blob in blobs)
    assert sorted(int(np.prod(item.dims)) for item in floats) == ours


def test_a_table_with_the_machine_on_top() -> None:
    measured = bench_executors((MLP,), (8,), (1, 2), threads=1, rounds=1)
    table = list(lines(measured))
    assert table[0] == machine()
    assert onnxruntime.__version__ in table[0]
    assert [line.split()[:3] for line in table[2:]] == [["MLP", "784-64-10", "8"]] * 2
