"""A smaller graph of the same meaning: constants folded, batch norms and biases merged."""

from dataclasses import replace

import numpy as np

from avow.models.compiler.constants import Reals, reals
from avow.models.compiler.folding import fold
from avow.models.compiler.graph import Graph, Node
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Array


def simplify(graph: Graph) -> Graph:
    """Fold constants, drop what does nothing, merge batch norms and biases."""
    return merge_biases(merge_batch_norms(drop_idle(fold_constants(graph))))


def fold_constants(graph: Graph) -> Graph:
    """Compute what does not depend on the inputs. What cannot be folded stays as it is."""
    constants = dict(graph.constants)
    nodes = []
    for node in graph.nodes:
        if all(not name or name in constants for name in node.inputs) and not node.domain:
            operands = [constants[name] if name else None for name in node.inputs]
            try:
                folded = fold(node, operands, graph.opset)
            except Refusal:
                # The lowering meets the same node and reports it with all the others.
                folded = None
            if folded is not None:
                constants.update(zip(node.outputs, folded, strict=False))
                continue
        nodes.append(node)
    return graph.with_nodes(nodes, constants)


def drop_idle(graph: Graph) -> Graph:
    """Leave out Identity, and Dropout whose mask nobody reads and that does not train."""
    counts = graph.consumers()
    aliases: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(aliases.get(name, name) for name in node.inputs)
        node = replace(node, inputs=inputs)
        if _is_idle(node, graph.constants, counts) and node.outputs[0] not in graph.outputs:
            aliases[node.outputs[0]] = inputs[0]
        else:
            nodes.append(node)
    return graph.with_nodes(nodes, graph.constants)


def _is_idle(node: Node, constants: dict[str, Array], counts: dict[str, int]) -> bool:
    if node.domain or node.operator not in ("Identity", "Dropout"):
        return False
    if node.operator == "Identity":
        return True
    training = node.inputs[2] if len(node.inputs) > 2 else ""
    off = not training or (training in constants and not constants[training].any())
    return off and not any(counts.get(name) for name in node.outputs[1:])


def merge_batch_norms(graph: Graph) -> Graph:
    """Conv, ConvTranspose or Gemm followed only by a BatchNormalization become one node."""
    counts = graph.consumers()
    constants = dict(graph.constants)
    makers: dict[str, int] = {}
    nodes: list[Node | None] = []
    for node in graph.nodes:
        at = makers.get(node.inputs[0]) if node.inputs else None
        linear = nodes[at] if at is not None else None
        if node.operator == "BatchNormalization" and linear is not None and at is not None:
            merged = _merged(linear, node, constants, counts)
            if merged is not None:
                nodes[at] = None
                node = merged
        makers[node.outputs[0]] = len(nodes)
        nodes.append(node)
    return graph.with_nodes([node for node in nodes if node is not None], constants)


def scale_and_offset(
    scale: Array, offset: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Reals, Reals]:
    """The batch norm as a x + c, each operation rounded as IEEE 754 says."""
    spread = reals(variance) + epsilon
    if (spread <= 0).any():
        raise Refusal("a variance that is not positive")
    a = reals(scale) / np.sqrt(spread)
    return a, reals(offset) - reals(mean) * a


def _merged(
    linear: Node, norm: Node, constants: dict[str, Array], counts: dict[str, int]
) -> Node | None:
    """The linear node with the norm in its weights, or None where that is not possible."""
    names = (*linear.inputs[1:], *norm.inputs[1:])
    if (
        linear.operator not in ("Conv", "ConvTranspose", "Gemm")
        or linear.domain
        or counts.get(linear.outputs[0], 0) != 1
        or any(name and name not in constants for name in names)
        or len(norm.inputs) != 5
        or norm.attributes.get("training_mode")
        or len(norm.outputs) != 1
    ):
        return None
    scale, offset, mean, variance = (constants[name] for name in norm.inputs[1:])
    try:
        a, c = scale_and_offset(scale, offset, mean, variance, norm.real("epsilon", 1e-5))
        weight = reals(constants[linear.inputs[1]])
        old = _bias(linear, constants, len(a))
        axis = _output_axis(linear)
        groups = linear.integer("group", 1) if linear.operator == "ConvTranspose" else 1
    except Refusal:
        return None
    if axis is None or old is None or groups != 1 or weight.shape[axis] != len(a):
        return None
    shape = [1] * weight.ndim
    shape[axis] = len(a)
    weight_name, bias_name = f"{norm.outputs[0]}:weight", f"{norm.outputs[0]}:bias"
    constants[weight_name] = weight * a.reshape(shape)
    constants[bias_name] = old * a + c
    inputs = (linear.inputs[0], weight_name, bias_name)
    return replace(linear, inputs=inputs, outputs=norm.outputs)


def _bias(linear: Node, constants: dict[str, Array], count: int) -> Reals | None:
    if len(linear.inputs) < 3 or not linear.inputs[2]:
        return np.zeros(count)
    bias = reals(constants[linear.inputs[2]])
    return bias.reshape(-1) if bias.size == count else None


def _output_axis(linear: Node) -> int | None:
    """Which axis of the weights counts the outputs."""
    if linear.operator == "Conv":
        return 0
    if linear.operator == "ConvTranspose":
        return 1
    plain = linear.real("alpha", 1.0) == linear.real("beta", 1.0) == 1.0
    if not plain or linear.integer("transA", 0):
        return None
    return 0 if linear.integer("transB", 0) else 1


def merge_biases(graph: Graph) -> Graph:
    """A MatMul with constant weights followed only by the Add of a constant row: one node."""
    counts = graph.consumers()
    makers: dict[str, int] = {}
    nodes: list[Node | None] = []
    for node in graph.nodes:
        merged = None
        if node.operator == "Add" and not node.domain and len(node.inputs) == 2:
            for product, row in (node.inputs, node.inputs[::-1]):
                at = makers.get(product)
                maker = nodes[at] if at is not None else None
                if merged is None and maker is not None and at is not None:
                    merged = _with_bias(maker, row, node, graph.constants, counts)
                    nodes[at] = None if merged is not None else maker
        node = merged or node
        makers[node.outputs[0]] = len(nodes)
        nodes.append(node)
    return graph.with_nodes([node for node in nodes if node is not None], graph.constants)


def _with_bias(
    maker: Node, row: str, add: Node, constants: dict[str, Array], counts: dict[str, int]
) -> Node | None:
    weight = constants.get(maker.inputs[1]) if len(maker.inputs) > 1 else None
    bias = constants.get(row)
    if (
        maker.operator != "MatMul"
        or maker.domain
        or len(maker.inputs) != 2
        or weight is None
        or bias is None
        or weight.ndim != 2
        or bias.shape != weight.shape[1:]
        or counts.get(maker.outputs[0], 0) != 1
        or maker.inputs[0] in constants
    ):
        return None
    return replace(maker, inputs=(*maker.inputs, row), outputs=add.outputs)
