"""The proof systems that can convince this verifier: a literal table, closed on purpose."""

from avow.verifier.systems.ezkl.half import EzklSystem
from avow.verifier.systems.optimistic.half import OptimisticSystem
from avow.verifier.systems.sumcheck.half import SumcheckSystem
from avow.verifier.systems.system import System
from avow.verifier.systems.tee.half import TeeSystem

SYSTEMS: dict[str, System] = {
    one.system_id: one for one in (EzklSystem(), OptimisticSystem(), SumcheckSystem(), TeeSystem())
}

# A withdrawn id stays here with the reason and is never used again.
RETIRED: dict[str, str] = {}
