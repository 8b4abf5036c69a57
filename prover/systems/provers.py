"""The proof systems that this installation can prove with: a literal table, closed on purpose."""

from avow.prover.systems.ezkl import EzklProver
from avow.prover.systems.optimistic.system import OptimisticProver
from avow.prover.systems.sumcheck.system import SumcheckProver
from avow.prover.systems.system import ProvingSystem
from avow.prover.systems.tee.system import TeeProver

PROVERS: dict[str, ProvingSystem] = {
    "ezkl/v1": EzklProver(),
    "optimistic/v1": OptimisticProver(),
    "sumcheck/v1": SumcheckProver(),
    "tee/v1": TeeProver(),
}
