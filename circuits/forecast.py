"""What a proof system is predicted to take for a model: one shape for every system."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Forecast:
    """One way to prove one model, and what it takes.

    `setup` says how keys would be made. Seconds are wall clock: of making keys, of a proof in a
    process made for it, of one in a kept process (None where there is no such thing), of the
    verifier. One proof answers `batch` requests, and `gas` is that of one transaction which has a
    contract check it for all of them; `off_chain` says why there is none. `missing` says why
    nothing is predicted, and then everything measured in numbers is None; `beyond` what stands in
    the way of a prediction's coming true here.
    """

    system: str
    optimize: str | None
    batch: int
    hides: str
    finality: str
    setup: str = ""
    setup_seconds: float | None = None
    fresh_seconds: float | None = None
    warm_seconds: float | None = None
    verify_seconds: float | None = None
    memory_bytes: int | None = None
    key_bytes: int | None = None
    proof_bytes: int | None = None
    gas: int | None = None
    off_chain: str | None = None
    beyond: str | None = None
    missing: str | None = None

    def to_json(self) -> dict[str, object]:
        """Every field by name, and gas for each answer."""
        return asdict(self) | {"gas_per_answer": self.gas_per_answer}

    @property
    def gas_per_answer(self) -> int | None:
        """An answer's share of the transaction."""
        return None if self.gas is None else round(self.gas / self.batch)

    @property
    def seconds(self) -> float | None:
        """Seconds of a proof as a worker makes them."""
        return self.fresh_seconds if self.warm_seconds is None else self.warm_seconds
