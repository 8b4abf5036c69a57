"""The proof systems that can convince this verifier: a literal table, closed on purpose."""

from avow.verifier.systems.system import System

SYSTEMS: dict[str, System] = {}

# A withdrawn id stays here with the reason and is never used again.
RETIRED: dict[str, str] = {}
