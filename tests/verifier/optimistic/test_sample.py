"""Which elements are drawn."""

from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.systems.optimistic.sample import Sample, parse_sample

SEEDS = st.binary(min_size=32, max_size=32)


@given(SEEDS, st.integers(1, 50), st.integers(1, 60))
def test_places_differ_and_are_as_many_as_there_can_be(
    seed: bytes, elements: int, count: int
) -> None:
    places = list(Sample(elements, seed).places(count))
    assert len(set(places)) == len(places) == min(elements, count)
    assert set(places) <= set(range(count))
    assert places == list(Sample(elements, seed).places(count))


def test_every_place_is_drawn_about_equally_often() -> None:
    drawn = [0] * 10
    for number in range(2000):
        for place in Sample(3, number.to_bytes(32, "big")).places(10):
            drawn[place] += 1
    # 600 expected, standard deviation about 20.
    assert all(480 < count < 720 for count in drawn)


def test_what_is_written_is_read() -> None:
    sample = Sample(7, bytes(range(32)))
    assert parse_sample(sample.to_json()) == sample
