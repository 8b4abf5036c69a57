"""Adds to what a rescale reads, inside the operation before it, so that it costs nothing."""

from avow.models.program.blobs import Integers
from avow.models.program.net import Net
from avow.verifier.program.operations import Affine, Convolution, Dense, Operation, Rescale


def shifted(net: Net, rescale: Rescale, more: int, strict: bool = False) -> int | None:
    """Append the rescale of (what it reads + more), where `more` costs nothing.

    With `strict`, only if no wider machine type is needed.
    """
    if more == 0:
        return net.add(rescale)
    source = rescale.of[0]
    half = 1 << (rescale.bits - 1) if rescale.bits else 0
    operation = net.operations.get(source)
    sole = net.once(source)
    changed: Operation = Affine((source,), (1,), more)
    before = net.intervals[source].magnitude
    if sole and isinstance(operation, Affine):
        changed = Affine(operation.of, operation.coefficients, operation.constant + more)
        before = net.reach(operation)
    elif sole and isinstance(operation, Dense | Convolution):
        before = net.intervals[source].magnitude
        if isinstance(operation, Convolution):
            return None
        bias = _added(net, operation.bias, more)
        if bias is None:
            return None
        before = net.reach(operation)
        changed = Dense(operation.of, operation.weight, net.blob(bias))
    if strict and not net.no_wider(before + half, net.reach(changed) + half):
        return None
    return net.add(changed, Rescale((-1,), rescale.bits, rescale.low, rescale.high))


def _added(net: Net, blob: int, more: int) -> Integers | None:
    bias = net.array(blob)
    largest = max(abs(int(bias.min())), abs(int(bias.max())))
    return None if largest + abs(more) >= 2**62 else bias + more
