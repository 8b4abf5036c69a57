"""The native core as the curve that compiling asks for (`avow.circuits.curve`)."""

from avow.prover.native import _core


class NativeCurve:
    """BN254's first group, on all threads."""

    def bases(self, points: bytes) -> _core.Bases:
        """Points in the form of SRS files; raises `ValueError` for one off the curve."""
        return _core.Bases(points)

    def multiples(self, scalars: bytes) -> bytes:
        """Each scalar (32 bytes little-endian) times the generator, as SRS files hold points."""
        return _core.multiples(scalars)
