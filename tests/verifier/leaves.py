"""Walks the leaves of a JSON value and changes them one at a time."""

import copy
from collections.abc import Iterator

from avow.verifier.canonical import Json

Path = tuple[str | int, ...]


def leaves(value: Json, path: Path = ()) -> Iterator[Path]:
    """Every path that leads to something other than a non-empty list or object."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for at, item in enumerate(value):
            yield from leaves(item, (*path, at))
    else:
        yield path


def at_path(value: Json, path: Path) -> Json:
    """The value at a path."""
    for step in path:
        value = value[step]  # type: ignore[index, call-overload]
    return value


def with_value(whole: Json, path: Path, new: Json) -> Json:
    """A copy in which one leaf is another value."""
    if not path:
        return new
    changed = copy.deepcopy(whole)
    holder = at_path(changed, path[:-1])
    holder[path[-1]] = new  # type: ignore[index, call-overload]
    return changed


def other_values(leaf: Json) -> Iterator[Json]:
    """Values of the same kind that differ, as a forger would choose them."""
    if isinstance(leaf, bool):
        yield not leaf
    elif isinstance(leaf, int):
        yield leaf + 1
        yield max(leaf - 1, 0) if leaf else 2
    elif isinstance(leaf, str):
        if leaf.startswith("0x") and len(leaf) > 2:
            flipped = "0" if leaf[-1] != "0" else "1"
            yield leaf[:-1] + flipped
            yield leaf[:2] + ("0" if leaf[2] != "0" else "1") + leaf[3:]
            yield "0x" + "00" * ((len(leaf) - 2) // 2)
        elif leaf.lstrip("-").isdigit():
            yield str(int(leaf) + 1)
            yield str(int(leaf) - 1)
        elif leaf:
            middle = len(leaf) // 2
            yield leaf[:middle] + ("A" if leaf[middle] != "A" else "B") + leaf[middle + 1 :]
            yield leaf[:-1]
        yield leaf + "A"
    elif isinstance(leaf, list):
        yield ["x"]
    else:
        yield {"x": "y"}


def mutations(whole: Json, path: Path) -> Iterator[Json]:
    """Copies of `whole` with the leaf at `path` changed."""
    leaf = at_path(whole, path)
    for other in other_values(leaf):
        if other != leaf:
            yield with_value(whole, path, other)
