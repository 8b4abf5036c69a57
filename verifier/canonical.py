"""Canonical JSON: one sequence of bytes for one value, and nothing else is read."""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS

# Integers beyond this are written as decimal strings, since JSON readers may use float64.
MAX_INTEGER = 2**53 - 1

_STRUCTURE = re.compile(rb'["\\\[\]{},]')

Json = bool | int | str | list["Json"] | dict[str, "Json"]


def encode(value: Json) -> bytes:
    """Return the canonical bytes of `value`: ASCII, sorted keys, no spaces, no floats, no null.

    Raises `VerificationError` (step `encode`) for a value that has no canonical form.
    """
    _check(value, 0, "encode")
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii")


def parse(data: bytes, max_bytes: int, what: str) -> Json:
    """Parse canonical JSON; `what` names it in errors.

    Refuses anything that `encode` would not have produced: other spacing or key order,
    duplicate keys, floats, null, large integers, deep nesting, trailing bytes, oversize.
    """
    value = parse_lenient(data, max_bytes, what)
    if encode(value) != data:
        raise VerificationError("parse", f"{what} is not canonical JSON (sorted keys, no spaces)")
    return value


def parse_lenient(data: bytes, max_bytes: int, what: str) -> Json:
    """Parse JSON of the same values as `parse`, in any spacing and key order.

    For files that people write by hand (policies). Duplicate keys are refused all the same.
    """
    if len(data) > max_bytes:
        raise VerificationError(
            "parse", f"{what} may have at most {max_bytes} bytes, it has {len(data)}"
        )
    check_nesting(data, what)
    try:
        text = data.decode("utf-8")
        value: Json = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_bounded_integer,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise VerificationError("parse", f"{what} is not JSON: {str(error)[:200]}") from error
    except VerificationError as error:
        raise VerificationError("parse", f"{what}: {error.message}") from error
    _check(value, 0, "parse")
    return value


def check_nesting(data: bytes, what: str) -> None:
    """Refuse JSON text nested too deeply or cut up too finely, before a parser sees it.

    Needed because py_ecc raises the recursion limit, past which json overflows the C stack, and
    because every two bytes of `[[],[],...` become a hundred in memory.
    """
    depth, in_text, after_backslash = 0, False, -1
    for count, match in enumerate(_STRUCTURE.finditer(data), 1):
        if count > LIMITS.json_marks:
            raise VerificationError("parse", f"{what} has more than {LIMITS.json_marks} marks")
        mark, at = match.group(), match.start()
        if in_text:
            if at == after_backslash:
                continue
            if mark == b"\\":
                after_backslash = at + 1
            elif mark == b'"':
                in_text = False
        elif mark == b'"':
            in_text = True
        elif mark in b"[{":
            depth += 1
            if depth > LIMITS.nesting_depth:
                raise VerificationError(
                    "parse", f"{what} is nested deeper than {LIMITS.nesting_depth} levels"
                )
        elif mark in b"]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise VerificationError("parse", f"key {twice[:80]!r} appears twice")
    return result


def _no_float(text: str) -> NoReturn:
    raise VerificationError("parse", f"only integers are allowed, got {text[:40]!r}")


def _bounded_integer(text: str) -> int:
    if len(text) > 17:
        raise VerificationError("parse", f"integer of {len(text)} characters is too large")
    return int(text)


def _check(value: object, depth: int, step: str) -> None:
    if depth > LIMITS.nesting_depth:
        raise VerificationError(step, f"nested deeper than {LIMITS.nesting_depth} levels")
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise VerificationError(step, f"integer {value} is beyond 2^53 - 1")
    elif isinstance(value, str):
        if not value.isascii():
            raise VerificationError(step, "text must be ASCII")
    elif isinstance(value, list):
        if len(value) > LIMITS.list_items:
            raise VerificationError(step, f"list of {len(value)} items is too long")
        for item in value:
            _check(item, depth + 1, step)
    elif isinstance(value, dict):
        if len(value) > LIMITS.object_keys:
            raise VerificationError(step, f"object of {len(value)} keys is too large")
        for key, item in value.items():
            _check(key, depth + 1, step)
            _check(item, depth + 1, step)
    else:
        said = "null" if value is None else type(value).__name__
        raise VerificationError(step, f"{said} has no canonical form")


def names(keys: Sequence[str]) -> str:
    """Join key names for an error message."""
    return ", ".join(repr(key[:60]) for key in keys)
