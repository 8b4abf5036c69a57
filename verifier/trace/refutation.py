"""Deciding whether a refutation shows that a claimed run is wrong.

A claim is right only if every element of every committed tensor is what its operation makes of the
committed elements before it, inputs and outputs being those of the statement. One element that is
not refutes it. Whatever does not hold together is refused, so that nothing refutes a right claim.
"""

from dataclasses import dataclass
from enum import IntEnum

from avow.verifier.merkle import leaf
from avow.verifier.program.semantics import Index, element, index_at, position
from avow.verifier.tensor import ElementType, Tensor, digest_of_digests
from avow.verifier.trace.commitment import trace_leaf
from avow.verifier.trace.descriptor import Descriptor, Given, read_descriptor
from avow.verifier.trace.inputs import digest_of_rooted, rooted_digest
from avow.verifier.trace.key import Outline, read_outline
from avow.verifier.trace.layout import narrowest
from avow.verifier.trace.octets import Octets, malformed
from avow.verifier.trace.opening import Opening, read_opening
from avow.verifier.trace.tree import fold


class Kind(IntEnum):
    """What a refutation says is wrong."""

    OPERATION = 0
    INPUT = 1
    OUTPUT = 2
    INPUT_BY_ROOT = 3


@dataclass(frozen=True, slots=True)
class TracedClaim:
    """What a provider claims: 32 bytes each.

    `statement` is the statement's leaf (`merkle.leaf` of its digest), `input` the value of a public
    commitment (which scheme is not said: none has the other's values), `output` the tensors' digest
    (`tensors_digest`), `trace` the root over the run's tensors.
    """

    key: bytes
    program: bytes
    statement: bytes
    trace: bytes
    input: bytes
    output: bytes


@dataclass(frozen=True, slots=True)
class _Place:
    """A tensor of the claim's program."""

    outline: Outline
    tensor: int
    descriptor: Descriptor


def refutes(claim: TracedClaim, data: bytes) -> bool:
    """Return whether `data` shows an element that is wrong.

    False if it shows one that is right. Raises `VerificationError` for anything that is not well
    formed, does not belong to the claim, or has no meaning.
    """
    octets = Octets(data, "a refutation")
    kind = octets.unsigned(1)
    if kind not in set(Kind):
        raise malformed(f"unknown kind {kind} of refutation")
    place = _read_place(octets, claim)
    result = place.descriptor.result
    at = octets.unsigned(4)
    if at >= result.count:
        raise malformed(f"element {at} of {result.count}")
    index = index_at(at, result.shape)
    committed = read_opening(octets, result)
    if kind == Kind.INPUT_BY_ROOT:
        return _input_by_root(octets, claim, place, index, committed)
    if committed is None:
        raise malformed("the element itself is not shown")
    match Kind(kind):
        case Kind.OPERATION:
            wrong = _operation(octets, claim, place, index, committed)
        case Kind.INPUT:
            wrong = _input(octets, claim, place, index, committed)
        case Kind.OUTPUT:
            wrong = _output(octets, claim, place, index, committed)
    octets.end()
    return wrong


def _read_place(octets: Octets, claim: TracedClaim) -> _Place:
    outline, tensor = read_outline(octets), octets.unsigned(4)
    if tensor >= outline.tensors:
        raise malformed(f"tensor {tensor} of {outline.tensors}")
    descriptor = read_descriptor(octets)
    root = fold({tensor: leaf(descriptor.encode())}, outline.depth, octets.word)
    if outline.key(claim.program, root) != claim.key:
        raise malformed("the descriptor is not one of the claim's program")
    return _Place(outline, tensor, descriptor)


def _check_trace(
    octets: Octets, claim: TracedClaim, place: _Place, opened: list[tuple[int, bytes]]
) -> None:
    """The opened tensors, by number and root, are those that the claim's trace has committed to."""
    roots: dict[int, bytes] = {}
    for tensor, root in opened:
        if roots.setdefault(tensor, root) != root:
            raise malformed(f"tensor {tensor} is opened with two roots")
    leaves = {tensor: trace_leaf(claim.statement, tensor, root) for tensor, root in roots.items()}
    if fold(leaves, place.outline.depth, octets.word) != claim.trace:
        raise malformed("the opened tensors are not those of the trace")


def _operation(
    octets: Octets, claim: TracedClaim, place: _Place, index: Index, committed: Opening
) -> bool:
    descriptor = place.descriptor
    operation = descriptor.maker
    if isinstance(operation, Given):
        raise malformed("an input is not the result of an operation")
    operands = [read_opening(octets, layout) for layout in descriptor.operands]
    blobs = []
    for blob in descriptor.blobs:
        opening = read_opening(octets, blob.layout)
        if opening is not None and opening.root != blob.root:
            raise malformed("the opened constants are not those of the program")
        blobs.append(opening or Opening(blob.layout, {}, blob.root))
    opened = [(place.tensor, committed.root)]
    for tensor, operand in zip(descriptor.of, operands, strict=True):
        if operand is not None:
            opened.append((tensor, operand.root))
    _check_trace(octets, claim, place, opened)

    def read(number: int, at: Index) -> int:
        operand = operands[number]
        if operand is None:
            raise malformed(f"operand {number} is read and not shown")
        return operand.read(at)

    shapes = [layout.shape for layout in descriptor.operands]
    return element(operation, index, shapes, read, blobs) != committed.read(index)


def _input(
    octets: Octets, claim: TracedClaim, place: _Place, index: Index, committed: Opening
) -> bool:
    given = place.descriptor.maker
    if not isinstance(given, Given):
        raise malformed(f"tensor {place.tensor} is no input")
    _check_trace(octets, claim, place, [(place.tensor, committed.root)])
    inputs, kind = place.outline.inputs, given.element_type
    value = _stated(octets, claim.input, given.number, inputs, kind, committed, index)
    return value != committed.read(index) or not given.low <= value <= given.high


def _input_by_root(
    octets: Octets, claim: TracedClaim, place: _Place, index: Index, opened: Opening | None
) -> bool:
    """The tensor is another one than the input; or an element that is shown is out of range."""
    given, layout = place.descriptor.maker, place.descriptor.result
    if not isinstance(given, Given) or place.tensor >= place.outline.inputs:
        raise malformed(f"tensor {place.tensor} is no input")
    if not layout.row_major:
        raise malformed(f"input {place.tensor} is stored in an order of its own")
    found = octets.word() if opened is None else opened.root
    _check_trace(octets, claim, place, [(place.tensor, found)])
    digests = [octets.word() for _ in range(place.outline.inputs - 1)]
    stated = octets.word()
    kind = next(kind for kind in ElementType if kind.width == layout.width)
    digests.insert(place.tensor, rooted_digest(kind, layout.shape, stated))
    if digest_of_rooted(digests) != claim.input:
        raise malformed("the roots are not those of the statement")
    octets.end()
    if opened is None or found != stated:
        return found != stated
    return not given.low <= opened.read(index) <= given.high


def _output(
    octets: Octets, claim: TracedClaim, place: _Place, index: Index, committed: Opening
) -> bool:
    _check_trace(octets, claim, place, [(place.tensor, committed.root)])
    number, outputs = octets.unsigned(1), place.outline.outputs
    if number >= len(outputs) or outputs[number] != place.tensor:
        raise malformed(f"tensor {place.tensor} is not output {number}")
    maker = place.descriptor.maker
    if isinstance(maker, Given):
        kind = narrowest(maker.low, maker.high)
    else:
        kind = next(kind for kind in ElementType if kind.width == committed.layout.width)
    value = _stated(octets, claim.output, number, len(outputs), kind, committed, index)
    return value != committed.read(index)


def _stated(
    octets: Octets,
    digest: bytes,
    number: int,
    count: int,
    kind: ElementType,
    committed: Opening,
    index: Index,
) -> int:
    """An element of the statement's inputs or outputs, whose digest is known.

    What follows: the digests of the others in order, then the tensor's data.
    """
    digests = [octets.word() for _ in range(count - 1)]
    shape = committed.shape
    data = octets.take(committed.layout.count * kind.width)
    tensor = Tensor.from_data(kind, shape, data)
    digests.insert(number, tensor.digest())
    if digest_of_digests(digests) != digest:
        raise malformed("the values are not those of the statement")
    return tensor.values[position(index, shape)]
