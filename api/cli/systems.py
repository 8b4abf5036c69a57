"""The option `--systems` of the commands that look at several proof systems."""

from avow.api.errors import ApiError

_KNOWN = ("sumcheck", "ezkl")


def systems_in(text: str) -> tuple[str, ...]:
    """The names between the commas, once each, without their version; raises ApiError."""
    parts = [part.strip().removesuffix("/v1") for part in text.split(",")]
    wanted = tuple(dict.fromkeys(part for part in parts if part))
    for name in wanted or ("",):
        if name not in _KNOWN:
            raise ApiError(f"--systems: expected ezkl, sumcheck or both, got {name[:60]!r}")
    return wanted
