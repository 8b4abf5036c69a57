"""What an order or statement says of public inputs: a digest of all, or one over their roots.

Over roots (`Scheme.PUBLIC_TREE`) an input is committed to by the tree under which traces hold it,
in row-major order: to show that a trace has another one, no input need be shown.
"""

from collections.abc import Sequence

from avow.verifier.commitment import Commitment, Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.program.operations import Shape
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.layout import committed_by_roots
from avow.verifier.trace.tree import Tree, chunk_leaves

PUBLIC_SCHEMES = frozenset({Scheme.PUBLIC, Scheme.PUBLIC_TREE})
"""What anybody who holds the tensors recomputes."""

_ROOTED_TAG = tag("avow.tensor.tree.v1")
_LIST_TAG = tag("avow.tensors.tree.v1")


def rooted_digest(element_type: ElementType, shape: Shape, root: bytes) -> bytes:
    """keccak256(tag || u8 type || u8 rank || u32 dimensions || root): one input of a list."""
    head = bytes([element_type.code, len(shape)])
    return keccak256(_ROOTED_TAG + head + b"".join(n.to_bytes(4, "big") for n in shape) + root)


def digest_of_rooted(digests: Sequence[bytes]) -> bytes:
    """keccak256(tag || u8 count || digests): the value under which inputs are committed to."""
    if not 1 <= len(digests) <= LIMITS.tensors:
        raise VerificationError("parse", f"{len(digests)} tensors; 1 to {LIMITS.tensors} allowed")
    return keccak256(_LIST_TAG + bytes([len(digests)]) + b"".join(digests))


def input_root(tensor: Tensor) -> bytes:
    """The root over an input's chunks, as traces have it."""
    return Tree(chunk_leaves(tensor.data())).root


def commit_tree(tensors: Sequence[Tensor]) -> Commitment:
    """Commit to inputs that everybody may see by their roots."""
    digests = [rooted_digest(one.element_type, one.shape, input_root(one)) for one in tensors]
    return Commitment(Scheme.PUBLIC_TREE, digest_of_rooted(digests))


def input_scheme(inputs: Sequence[Tensor | TensorSpec]) -> Scheme:
    """How public inputs of these types and shapes are committed to; nothing else decides it."""
    return Scheme.PUBLIC_TREE if committed_by_roots(inputs) else Scheme.PUBLIC


def commit_input(tensors: Sequence[Tensor]) -> Commitment:
    """Commit to a model's inputs, which everybody may see, in the way that `input_scheme` says."""
    return commit_as(input_scheme(tensors), tensors)


def commit_as(scheme: Scheme, tensors: Sequence[Tensor]) -> Commitment:
    """Commit to inputs by the scheme of an order or statement; refuses one that is not public."""
    if scheme not in PUBLIC_SCHEMES:
        raise VerificationError(
            "tensors", f"a commitment of scheme {int(scheme)} is not made of the tensors alone"
        )
    return commit_tree(tensors) if scheme is Scheme.PUBLIC_TREE else commit_public(tensors)
