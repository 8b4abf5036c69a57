"""A program as a referee knows it: the root over its descriptors, and the key digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.merkle import leaf
from avow.verifier.program.blob import Blob
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program, check
from avow.verifier.trace.commitment import tensor_tree
from avow.verifier.trace.descriptor import Descriptor, describe
from avow.verifier.trace.layout import Layout
from avow.verifier.trace.octets import Octets, malformed
from avow.verifier.trace.tree import Tree, depth_of

_KEY_TAG = tag("avow.referee.v1")
_MOST_TENSORS = 2**17


@dataclass(frozen=True, slots=True)
class Outline:
    """How many inputs and tensors a program has, and which tensors are its outputs."""

    inputs: int
    tensors: int
    outputs: tuple[int, ...]

    @property
    def depth(self) -> int:
        """Levels of the program's tree and of every trace of it."""
        return depth_of(self.tensors)

    def encode(self) -> bytes:
        """u32 inputs || u32 tensors || u8 outputs || (u32 tensor) of every output."""
        numbers = b"".join(tensor.to_bytes(4, "big") for tensor in self.outputs)
        head = self.inputs.to_bytes(4, "big") + self.tensors.to_bytes(4, "big")
        return head + bytes([len(self.outputs)]) + numbers

    def key(self, program: bytes, root: bytes) -> bytes:
        """The key digest of a program of this digest whose descriptors have this root."""
        return keccak256(_KEY_TAG + program + self.encode() + root)


def read_outline(octets: Octets) -> Outline:
    """Read what `Outline.encode` writes."""
    inputs, tensors = octets.unsigned(4), octets.unsigned(4)
    outputs = tuple(octets.unsigned(4) for _ in range(octets.unsigned(1)))
    sound = 1 <= inputs <= tensors < _MOST_TENSORS and all(at < tensors for at in outputs)
    if not sound or not 1 <= len(outputs) <= LIMITS.tensors:
        raise malformed(f"{inputs} inputs, outputs {list(outputs)} of {tensors} tensors")
    return Outline(inputs, tensors, outputs)


@dataclass(frozen=True)
class ProgramKey:
    """Everything that refuting a run of one program takes, but for the blobs themselves.

    `intervals` are those of every tensor, by which the widths were chosen.
    """

    program: bytes
    outline: Outline
    intervals: tuple[Interval, ...]
    descriptors: tuple[Descriptor, ...]

    @cached_property
    def tree(self) -> Tree:
        """The tree over the descriptors."""
        return Tree([leaf(descriptor.encode()) for descriptor in self.descriptors])

    @cached_property
    def digest(self) -> bytes:
        """What a statement of this system names as its key."""
        return self.outline.key(self.program, self.tree.root)

    def place(self, tensor: int) -> bytes:
        """What shows a tensor's descriptor to be one of the key's."""
        number, encoded = tensor.to_bytes(4, "big"), self.descriptors[tensor].encode()
        return b"".join([self.outline.encode(), number, encoded, *self.tree.siblings([tensor])])

    def public_places(self) -> tuple[list[bytes], list[bytes]]:
        """The places of every input and of every output, in order."""
        inputs = [self.place(tensor) for tensor in range(self.outline.inputs)]
        return inputs, [self.place(tensor) for tensor in self.outline.outputs]


def program_key(program: Program, blobs: Sequence[Blob]) -> ProgramKey:
    """The key of a program; refuses what `program.check` refuses, and what no descriptor holds."""
    intervals = check(program, blobs)
    known: dict[tuple[int, Layout], bytes] = {}

    def root_of(number: int, layout: Layout) -> bytes:
        if (number, layout) not in known:
            known[number, layout] = tensor_tree(layout, blobs[number].values()).root
        return known[number, layout]

    return key_of(program, intervals, describe(program, intervals, root_of))


def key_of(
    program: Program, intervals: Sequence[Interval], descriptors: tuple[Descriptor, ...]
) -> ProgramKey:
    """The key of a program whose descriptors are known."""
    if len(descriptors) >= _MOST_TENSORS:
        raise malformed(f"{len(descriptors)} tensors, fewer than 2^17 are allowed")
    outputs = tuple(output.tensor for output in program.outputs)
    outline = Outline(len(program.inputs), len(descriptors), outputs)
    return ProgramKey(program.digest(), outline, tuple(intervals), descriptors)
