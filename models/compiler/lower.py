"""Walks the graph once, node by node, and gathers every reason against compiling it."""

from dataclasses import dataclass

import numpy as np

from avow.models.compiler.builder import Builder
from avow.models.compiler.constants import exactly
from avow.models.compiler.context import Context
from avow.models.compiler.folding import fold, foldable
from avow.models.compiler.graph import Graph, Node
from avow.models.compiler.lowering.table import LOWERINGS
from avow.models.compiler.refusal import Refusal
from avow.models.compiler.value import Operand, Value
from avow.models.errors import ModelError
from avow.verifier.limits import LIMITS

_UNKNOWN = "not among the operators that compile"


@dataclass(frozen=True, slots=True)
class Lowered:
    """`values` are all computed tensors of the graph by name; `outputs` those of the graph."""

    values: dict[str, Value]
    outputs: tuple[Value, ...]


def lower(graph: Graph, b: Builder, inputs: dict[str, Value]) -> Lowered:
    """Append the program of `graph`; raises one `ModelError` that names every unsupported node."""
    known: dict[str, Operand] = {**graph.constants, **inputs}
    values = dict(inputs)
    problems = []
    unseen = 0
    for node in graph.nodes:
        reason = reason_against(node)
        lost = [name for name in node.inputs if name and name not in known]
        if reason is None and lost:
            unseen += 1
        elif reason is None:
            b.node = node.name
            try:
                results = lower_node(node, b, known, graph.opset)
                for name, result in zip(node.outputs, results, strict=False):
                    _check_held(graph, name, result)
            except Refusal as refusal:
                reason = str(refusal)
            else:
                for name, result in zip(node.outputs, results, strict=False):
                    known[name] = result
                    if isinstance(result, Value):
                        values[name] = result
                        # Two ONNX tensors may be one tensor of the program.
                        b.errors[result.tensor] = max(b.errors[result.tensor], result.error)
        if reason is not None:
            problems.append(f"{node.name[:80]!r} ({node.operator[:40]}: {reason})")
    if problems:
        noun = "node" if len(problems) == 1 else "nodes"
        # Whether attributes fit can only be seen with operands, and theirs are missing.
        rest = f" ({unseen} behind them not looked at)" if unseen else ""
        raise ModelError(f"{len(problems)} unsupported {noun}: {'; '.join(problems)}{rest}")
    outputs = []
    for name in graph.outputs:
        b.node = name
        try:
            outputs.append(exactly(b, known[name]))
        except (KeyError, Refusal) as error:
            raise ModelError(f"output {name[:80]!r} cannot be computed: {error}") from error
    return Lowered(values, tuple(outputs))


def _check_held(graph: Graph, name: str, result: Operand) -> None:
    """Refuse integers that ONNX's type would wrap round, since the program's do not."""
    if not isinstance(result, Value) or name not in graph.kinds:
        return
    limits = np.iinfo(graph.kinds[name])
    low, high = result.interval.low, result.interval.high
    if low < limits.min or high > limits.max:
        raise Refusal(f"[{low}, {high}] does not fit {limits.dtype}, which would wrap round")


def reason_against(node: Node) -> str | None:
    """Why a node is not supported, as far as can be seen without its operands."""
    if node.domain:
        return f"operators of domain {node.domain[:60]!r}"
    if node.operator not in LOWERINGS and not foldable(node):
        return _UNKNOWN
    return None


def lower_node(node: Node, b: Builder, known: dict[str, Operand], opset: int) -> list[Operand]:
    """The results of one node whose operands are all known."""
    operands = tuple(known[name] if name else None for name in node.inputs)
    constants = [operand for operand in operands if not isinstance(operand, Value)]
    if len(constants) == len(operands):
        folded = fold(node, constants, opset)
        if folded is not None:
            return list(folded)
    if any(isinstance(item, np.ndarray) and not item.size for item in operands):
        operands = tuple(
            None if isinstance(item, np.ndarray) and not item.size else item for item in operands
        )
    if foldable(node) and node.operator not in LOWERINGS:
        raise Refusal("only constant inputs are supported")
    if node.operator not in LOWERINGS:
        raise Refusal(_UNKNOWN)
    results = LOWERINGS[node.operator](Context(b, node, operands, opset))
    wanted = [name for name in node.outputs[len(results) :] if name]
    if wanted:
        raise Refusal(f"its output {wanted[0][:80]!r} is not supported")
    for result in results:
        if len(result.shape) > LIMITS.tensor_rank:
            raise Refusal(f"rank {len(result.shape)}, at most {LIMITS.tensor_rank} is allowed")
    return results
