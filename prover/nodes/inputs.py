"""Inputs that orders name by an address: fetched, compared and kept before anything is locked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from avow.prover.disputes.recent import Recent
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.fetches import Fetches, Run, in_thread
from avow.prover.nodes.kept_inputs import KeptInputs
from avow.prover.nodes.offers import Declined, input_bytes, read_input
from avow.prover.nodes.worklist import Seen
from avow.verifier.chain.orders import OrderTerms
from avow.verifier.records import ModelRecord
from avow.verifier.tensor import Tensor

# Of the inputs that were read last, each of which may be as large as a tensor may be.
_AT_HAND = 8
# No host has this name, so that no other place can keep anybody from what is on disk.
_DISK = "/"


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
        # One at a time: as tensors, inputs take many times the memory of their bytes.
        self._reading = threading.Lock()
        self._at_hand: Recent[tuple[Tensor, ...]] = Recent(_AT_HAND)
        self._looking = threading.Lock()
        # Orders whose input is not what lies on disk under their commitment.
        self._misfits: set[bytes] = set()

    def check(self, order_id: bytes) -> None:
        """Raises Declined while an order's input is on its way, or its place was asked just now."""
        refusal = self._fetches.refusal(order_id)
        if refusal is not None:
            raise refusal

    def read(self, order_id: bytes, terms: OrderTerms, model: ModelRecord) -> tuple[Tensor, ...]:
        """The input of an order, which is on disk by then; raises Declined until it is here.

        A place that does not answer is asked again, less and less often.
        """
        if not terms.input_uri:
            return read_input(terms, model, terms.input_data)
        size, fits = input_bytes(model.inputs), False
        if self._kept.holds(terms.input.value, size):
            with self._looking:
                found = self._at_hand.get(_name(terms, model))
                fits = order_id not in self._misfits
            if found is not None:
                return found
        else:
            self._kept.check_room(terms.input.value, size)
        if fits:
            raise self._fetches.ask(order_id, _DISK, lambda: self._load(order_id, terms, model))
        place = _place(terms.input_uri)
        raise self._fetches.ask(order_id, place, lambda: self._fetch(order_id, terms, model))

    def keep_only(self, active: Callable[[], Sequence[Seen]]) -> None:
        """Forgets the inputs of orders that are not among these, which are asked for if need be."""
        if self._fetches.is_empty() and self._kept.is_empty():
            return
        orders = [seen for seen in active() if seen.terms.input_uri]
        self._fetches.keep_only({seen.order_id for seen in orders})
        self._kept.keep_only({seen.terms.input.value for seen in orders})
        with self._looking:
            self._misfits.intersection_update({seen.order_id for seen in orders})

    def join(self) -> bool:
        """Waits until no input is on its way any more; whether one was."""
        return self._fetches.join()

    def _load(self, order_id: bytes, terms: OrderTerms, model: ModelRecord) -> None:
        """Beside: from disk. Without it the place is asked next, which may be slow: not here, where
        it would keep others from what they have on disk."""
        data = self._kept.read(terms.input.value, input_bytes(model.inputs))
        try:
            if data is None:
                raise Declined("it is gone")
            self._read(terms, model, data)
        except Declined as refusal:
            # The file is damaged, or the order's commitment is that of an input of another model.
            with self._looking:
                self._misfits.add(order_id)
            raise Declined(f"what is kept is not its input: {refusal}", final=False) from refusal

    def _fetch(self, order_id: bytes, terms: OrderTerms, model: ModelRecord) -> None:
        """Beside: from its place, and then on disk."""
        try:
            size = input_bytes(model.inputs)
            data = fetch(terms.input_uri, replace(self._rules, max_bytes=size))
        except BundleUnavailable as error:
            said = str(error).removeprefix("bundle: ")
            raise Declined(f"its input could not be had: {said}", error.final) from error
        self._read(terms, model, data, keep=True)
        with self._looking:
            self._misfits.discard(order_id)

    def _read(self, terms: OrderTerms, model: ModelRecord, data: bytes, keep: bool = False) -> None:
        with self._reading:
            tensors = read_input(terms, model, data)
            if keep:
                self._kept.write(terms.input.value, data)
        with self._looking:
            self._at_hand.put(_name(terms, model), tensors)


def _name(terms: OrderTerms, model: ModelRecord) -> bytes:
    """Of what was compared with both. An order may state any commitment: the same input can be out
    of another model's range, or of no shape that it takes."""
    return model.digest() + bytes([terms.input.scheme]) + terms.input.value


def _place(uri: str) -> str:
    """Whom an address asks; empty for a file, and for what is no address."""
    try:
        return (urlsplit(uri).hostname or "").rstrip(".")
    except ValueError:
        return ""
