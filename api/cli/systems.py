"""The option `--systems` of the commands that look at several proof systems."""

from avow.api.errors import ApiError

PROVEN = ("ezkl", "sumcheck")


def systems_in(text: str, known: tuple[str, ...] = PROVEN) -> tuple[str, ...]:
    """The names between the commas, once each, without their version; raises ApiError."""
    parts = [part.strip().removesuffix("/v1") for part in text.split(",")]
    wanted = tuple(dict.fromkeys(part for part in parts if part))
    for name in wanted or ("",):
        if name not in known:
            expected = f"{', '.join(known[:-1])} or {known[-1]}"
            raise ApiError(f"--systems: expected {expected}, got {name[:60]!r}")
    return wanted
