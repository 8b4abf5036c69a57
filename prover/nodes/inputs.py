"""Inputs that orders name by an address: fetched by whoever is to answer them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from avow.prover.disputes.recent import Recent
from avow.prover.nodes.fetch import BundleUnavailable, FetchRules, fetch
from avow.prover.nodes.offers import Declined
from avow.prover.nodes.pauses import Pauses
from avow.verifier.chain.orders import OrderTerms

# Each may be as large as a tensor may be; an order is looked at several times in a row.
_KEPT = 8
_LONGEST_PAUSE = 60.0


class OrderedInputs:
    """What stands at the addresses of orders. It is not trusted: the commitment decides."""

    def __init__(self, rules: FetchRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._kept: Recent[bytes] = Recent(_KEPT)
        self._pauses = Pauses(clock, _LONGEST_PAUSE)

    def fetched(self, terms: OrderTerms, size: int) -> bytes:
        """The bytes that an order names, at most `size`; raises Declined.

        A place that does not answer is asked again, less and less often.
        """
        name = terms.input.value
        found = self._kept.get(name)
        if found is not None:
            return found
        if self._pauses.waits(name):
            raise Declined("its input could not be had from where it says", final=False)
        try:
            data = fetch(terms.input_uri, replace(self._rules, max_bytes=size))
        except BundleUnavailable as error:
            if not error.final:
                self._pauses.postpone(name)
            raise Declined("its input could not be had from where it says", error.final) from error
        return data

    def keep(self, terms: OrderTerms, data: bytes) -> None:
        """What was found to be the input of these terms is not fetched again."""
        self._pauses.clear(terms.input.value)
        self._kept.put(terms.input.value, data)
