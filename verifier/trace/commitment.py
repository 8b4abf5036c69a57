"""The commitment to a run: one root over all its tensors, bound to one statement."""

from collections.abc import Sequence

from avow.verifier.merkle import leaf
from avow.verifier.trace.layout import Layout
from avow.verifier.trace.tree import Tree, chunk_leaves


def tensor_tree(layout: Layout, values: Sequence[int]) -> Tree:
    """The tree over the chunks of a tensor or blob; `values` are row-major."""
    return Tree(chunk_leaves(layout.store(values)))


def trace_leaf(statement: bytes, tensor: int, root: bytes) -> bytes:
    """keccak256(0x00 || statement root || u32 tensor || tensor root).

    The statement root names order and provider, so that a trace cannot be copied to another.
    """
    return leaf(statement + tensor.to_bytes(4, "big") + root)


def trace_tree(statement: bytes, roots: Sequence[bytes]) -> Tree:
    """The tree over a run's tensors in order, inputs first."""
    return Tree([trace_leaf(statement, tensor, root) for tensor, root in enumerate(roots)])
