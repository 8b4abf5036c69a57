"""Points made of challenges, and the tables of eq at them: each made once in a proof."""

from collections.abc import Sequence

from avow.prover.native._core import Frs, eq_table

# A point by the places of its coordinates among all challenges drawn in rounds, as in the
# verifier's frame: those of the identities' sumcheck first, then those of the bilinear one.
Positions = tuple[int, ...]


class Points:
    """The challenges of the rounds so far."""

    def __init__(self, challenges: Sequence[int]) -> None:
        self.challenges = tuple(challenges)
        self._tables: dict[Positions, Frs] = {}

    def eq(self, positions: Positions) -> Frs:
        """eq(point, i) for every i."""
        table = self._tables.get(positions)
        if table is None:
            table = eq_table([self.challenges[at] for at in positions])
            self._tables[positions] = table
        return table

    def extended(self, challenges: Sequence[int]) -> "Points":
        """With more challenges behind them."""
        points = Points((*self.challenges, *challenges))
        points._tables = dict(self._tables)
        return points
