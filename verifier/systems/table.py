"""The proof systems that can convince this verifier: a literal table, closed on purpose."""

from avow.verifier.systems.ezkl.half import EzklSystem
from avow.verifier.systems.sumcheck.half import SumcheckSystem
from avow.verifier.systems.system import System

SYSTEMS: dict[str, System] = {"ezkl/v1": EzklSystem(), "sumcheck/v1": SumcheckSystem()}

# A withdrawn id stays here with the reason and is never used again.
RETIRED: dict[str, str] = {}
