"""Inputs that orders name by an address: fetched, compared and kept before anything is locked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from avow.prover.nodes.at_hand import AtHand
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.fetches import PENDING, Fetches, Run, in_thread
from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.offers import Declined, input_bytes, read_input
from avow.prover.nodes.worklist import Seen
from avow.verifier.chain.orders import OrderTerms
from avow.verifier.keccak import keccak256
from avow.verifier.records import ModelRecord
from avow.verifier.tensor import Tensor

# Each may be as large as a tensor may be.
_AT_HAND = 8
_DISK = "disk"


class OrderedInputs:
    """What stands at the addresses of orders. It is not trusted: the commitment decides.

    Nothing here waits for a place or for a large input's digest: both are done beside.
    """

    def __init__(
        self,
        rules: FetchRules,
        kept: KeptInputs,
        clock: Callable[[], float] = time.monotonic,
        run: Run = in_thread,
    ) -> None:
        """`rules` but for their size, which is the model's; `clock` and `run` as of `Fetches`."""
        self._rules = rules
        self._kept = kept
        self._fetches = Fetches(clock, run)
        # Apart: no place can keep anybody from what is on disk.
        self._reads = Fetches(clock, run)
        # One at a time: as tensors, inputs take many times the memory of their bytes.
        self._reading = threading.Lock()
        self._at_hand = AtHand(_AT_HAND)

    def check(self, order_id: bytes) -> None:
        """Raises Declined while an order's input is on its way, or its place was asked just now."""
        for beside in (self._reads, self._fetches):
            refusal = beside.refusal(order_id)
            if refusal is not None:
                raise refusal

    def read(self, order_id: bytes, terms: OrderTerms, model: ModelRecord) -> tuple[Tensor, ...]:
        """The input of an order, which is on disk by then; raises Declined until it is here.

        A place that does not answer is asked again, less and less often.
        """
        if not terms.input_uri:
            return read_input(terms, model, terms.input_data)
        name, size = _name(terms), input_bytes(model.inputs)
        if not self._kept.holds(name, size):
            self._kept.check_room(name, size)
            work = partial(self._get, name, terms, model, size)
            raise self._fetches.ask(order_id, _place(terms.input_uri), work)
        found = self._at_hand.get(name)
        if found is not None:
            return found
        if not self._at_hand.has_room():
            raise Declined(PENDING, final=False)
        raise self._reads.ask(order_id, _DISK, partial(self._recall, name, terms, model, size))

    def keep_only(self, active: Callable[[], Sequence[Seen]]) -> None:
        """Forgets the inputs of orders that are not among these, which are asked for if need be.

        Called at the end of a step, in which all of these were looked at.
        """
        if self._fetches.is_empty() and self._reads.is_empty() and self._kept.is_empty():
            return
        orders = [seen for seen in active() if seen.terms.input_uri]
        for beside in (self._reads, self._fetches):
            beside.keep_only({seen.order_id for seen in orders})
        names = {_name(seen.terms) for seen in orders}
        self._kept.keep_only(names)
        self._at_hand.end_step(names)

    def join(self) -> bool:
        """Waits until no input is on its way any more; whether another look may find one, or
        find why there is none."""
        found = [beside.join() for beside in (self._reads, self._fetches)]
        return any(found)

    def _recall(self, name: bytes, terms: OrderTerms, model: ModelRecord, size: int) -> None:
        """Beside: from disk."""
        data = self._kept.read(name, size)
        if data is None:
            return
        try:
            self._take(name, terms, model, data)
        except Declined:
            # It was compared before it was kept, so the file is damaged: its place is asked anew.
            self._kept.remove(name)

    def _get(self, name: bytes, terms: OrderTerms, model: ModelRecord, size: int) -> None:
        """Beside: from its place, and then on disk."""
        try:
            data = fetch(terms.input_uri, replace(self._rules, max_bytes=size))
        except BundleUnavailable as error:
            said = str(error).removeprefix("bundle: ")
            raise Declined(f"its input could not be had: {said}", error.final) from error
        self._take(name, terms, model, data, keep=True)

    def _take(
        self, name: bytes, terms: OrderTerms, model: ModelRecord, data: bytes, keep: bool = False
    ) -> None:
        with self._reading:
            tensors = read_input(terms, model, data)
            if keep:
                self._kept.write(name, data)
            self._at_hand.put(name, tensors)


def _name(terms: OrderTerms) -> bytes:
    """Of an input that was compared: what one model takes may be out of another one's range."""
    return keccak256(terms.model_key + terms.input.value)


def _place(uri: str) -> str:
    """Whom an address asks; empty for a file, and for what is no address."""
    try:
        return (urlsplit(uri).hostname or "").rstrip(".")
    except ValueError:
        return ""
