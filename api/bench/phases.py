"""Gas of the verifier contract's phases, as snapshots beside those of the other contracts.

`python -m avow.api.bench.phases contracts/snapshots` writes `sumcheck.json` there: to be run
after every change of `contracts/src/sumcheck` or of key blobs. A test compares.
"""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from avow.api.errors import BenchError
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.blob import blob, creation_code
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.circuits.sumcheck.plan import Target
from avow.models.catalogue import resolve
from avow.models.schema import quantise_row
from avow.models.store import ModelStore
from avow.prover.config import from_environment
from avow.prover.native.curve import NativeCurve
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.chain.anvil import running_anvil
from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deploy import create, place
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.chain.transactions import PATIENT, send

NAME = "sumcheck.json"
MODELS = ("digits-mlp", "lenet5")
# What lies between two marks of `trace`, in their order, and the phase that it belongs to.
PARTS = (
    ("blob", "the key's blob and the statement"),
    ("statement", "public values"),
    ("witness", "transcript"),
    ("helpers", "transcript"),
    ("rounds of the identities", "sumchecks"),
    ("steps at r", "public values"),
    ("identities", "sumchecks"),
    ("rounds of the bilinears", "sumchecks"),
    ("steps at s", "public values"),
    ("bilinears", "sumchecks"),
    ("rounds of the reduction", "sumchecks"),
    ("steps at z", "evaluations of the claims"),
    ("claims", "evaluations of the claims"),
    ("folds", "commitments"),
    ("points", "commitments"),
    ("pairing", "pairing"),
)
_ROOT = bytes(range(32))


def measure(chain: Chain, signer: Signer, home: Path) -> dict[str, dict[str, int]]:
    """Gas of each phase and of a whole transaction, of a proof of each model's key for gas."""
    placed, _ = create(chain, signer, "SumcheckVerifier", (), PATIENT)
    contract = Contract(chain, "SumcheckVerifier", placed.address)
    return {name: _model(contract, signer, name, home) for name in MODELS}


def _model(contract: Contract, signer: Signer, name: str, home: Path) -> dict[str, int]:
    stored, curve = resolve(ModelStore.at(home), name), NativeCurve()
    rows = stored.held_out()
    if rows is None:
        raise BenchError(f"{name} has no held-out rows")
    options = Options(UnsafeSrs(home / "srs", curve), curve, force=True, target=Target.GAS, batch=1)
    made = compile_model(stored, home, options, home / "phases", lambda step, what: None)
    loaded, inputs = load(made.artifact), tuple(quantise_row(stored.record, rows, 0))
    prepared = prepare(loaded.program, loaded.blobs, loaded.key, loaded.powers)
    proved = prove(prepared, _ROOT, [inputs])
    code = creation_code(blob(loaded.key))
    account, _ = place(contract.chain, signer, "a blob", code, PATIENT)
    data = [b"".join(one.data() for one in some) for some in (inputs, proved.outputs[0])]
    arguments = (checksum(account.address), _ROOT, *data, proved.proof)
    _, left = contract.read("trace", *arguments)
    found: dict[str, int] = {}
    for (_, phase), (before, after) in zip(PARTS, pairwise(left), strict=True):
        found[phase] = found.get(phase, 0) + int(before) - int(after)
    whole = send(contract.chain, signer, contract.call("verify", *arguments), PATIENT).gas_used
    found["transaction and calldata"] = whole - sum(found.values())
    return found | {"in all": whole}


def main(arguments: Sequence[str]) -> int:
    """`FOLDER`: see the module."""
    folder = Path(arguments[0] if arguments else "contracts/snapshots")
    with (
        running_anvil(from_environment().contracts) as node,
        TemporaryDirectory(prefix="avow-phases-") as home,
    ):
        found = measure(Chain(node.url), development_signer(1), Path(home))
    (folder / NAME).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name, phases in found.items():
        print(name, *(f"{phase} {gas:,}" for phase, gas in phases.items()), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
