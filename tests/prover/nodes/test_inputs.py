"""Inputs at the addresses of orders: fetched, kept, and asked for less and less often."""

from pathlib import Path

import pytest

from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.inputs import OrderedInputs
from avow.prover.nodes.offers import Declined
from avow.verifier.chain.orders import OrderTerms
from tests.prover.nodes.test_offers import PICTURE, by_uri

SIZE = 150_528


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def declined(inputs: OrderedInputs, terms: OrderTerms, size: int = SIZE) -> Declined:
    with pytest.raises(Declined, match="could not be had") as caught:
        inputs.fetched(terms, size)
    return caught.value


def test_what_was_published_is_fetched_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(PICTURE.data())
    terms = by_uri(input_uri=path.as_uri())
    inputs = OrderedInputs(FetchRules(file_folder=tmp_path))
    assert inputs.fetched(terms, SIZE) == PICTURE.data()
    path.write_bytes(b"another")
    # It was not yet found to be the input, so that it is asked for again.
    assert inputs.fetched(terms, SIZE) == b"another"
    inputs.keep(terms, PICTURE.data())
    path.unlink()
    assert inputs.fetched(terms, SIZE) == PICTURE.data()


def test_a_place_that_does_not_answer_is_asked_less_and_less_often(tmp_path: Path) -> None:
    clock, late = Clock(), tmp_path / "late"
    terms = by_uri(input_uri=late.as_uri())
    inputs = OrderedInputs(FetchRules(file_folder=tmp_path), clock)
    assert not declined(inputs, terms).final
    late.write_bytes(PICTURE.data())
    assert not declined(inputs, terms).final, "its pause is not over"
    clock.now += 1.0
    assert inputs.fetched(terms, SIZE) == PICTURE.data()


@pytest.mark.parametrize("address", ["ftp://example.org/x", "file:///etc/passwd", "nonsense"])
def test_an_address_that_nobody_may_ask_is_declined_for_good(tmp_path: Path, address: str) -> None:
    inputs = OrderedInputs(FetchRules(file_folder=tmp_path))
    assert declined(inputs, by_uri(input_uri=address)).final
    assert declined(OrderedInputs(FetchRules()), by_uri(input_uri=tmp_path.as_uri())).final


def test_more_than_the_model_takes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "much"
    path.write_bytes(PICTURE.data() + b"\0")
    assert declined(
        OrderedInputs(FetchRules(file_folder=tmp_path)), by_uri(input_uri=path.as_uri())
    ).final
