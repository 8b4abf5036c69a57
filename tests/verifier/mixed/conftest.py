"""The systems of these tests."""

from tests.verifier.mixed.kinds import kinds

__all__ = ["kinds"]
