"""Every size that a model file or its data may reach, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what is read from outside. Sizes in bytes unless the name says otherwise."""

    model_bytes: int = 64 * 2**20
    data_file_bytes: int = 256 * 2**20
    data_unpacked_bytes: int = 512 * 2**20
    data_arrays: int = 32
    nodes: int = 20_000
    list_elements: int = 2**24
    observed_elements: int = 2**29
    rows: int = 1_000_000
    card_bytes: int = 64 * 2**10
    oldest_opset: int = 13


LIMITS = Limits()
