"""Gas of checking sumcheck proofs in the contract: measured on a development chain, and predicted.

`python -m avow.api.bench.gas docs measure` writes `docs/gas.json`, `... docs` the page from it,
and `... docs fit` prints the units of `circuits/sumcheck/gas.py` that fit it best.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from avow.api.local.network import Folders, Network, base_environment
from avow.api.local.people import development_people
from avow.api.local.supervisor import Supervisor
from avow.circuits.srs_choice import UnsafeSrs, obtain_powers
from avow.circuits.sumcheck.blob import blob, creation_code
from avow.circuits.sumcheck.cost import survey
from avow.circuits.sumcheck.gas import BASE, PER_TOKEN, UNITS, Tensors, counts
from avow.circuits.sumcheck.key import Draft, commit_rows, draft_key
from avow.circuits.sumcheck.plan import Bounds, Target, choose
from avow.models.catalogue import resolve
from avow.models.compiler.stored import compile_stored
from avow.models.schema import quantise_row
from avow.models.store import ModelStore
from avow.prover.config import from_environment
from avow.prover.native.curve import NativeCurve
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.chain.client import Chain, checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.deploy import create, place
from avow.verifier.chain.transactions import PATIENT, send
from avow.verifier.systems.sumcheck.stack import stack
from avow.verifier.tensor import Tensor

NAME = "gas"
# Beside the key that is chosen for gas: keys with other rows and other tables, so that each unit
# has something to be told from.
POINTS: dict[str, tuple[tuple[int, int], ...]] = {
    "digits-mlp": ((8, 8), (8, 10), (12, 12)),
    "digits-cnn": ((8, 8), (12, 12)),
    "tumour-risk": ((8, 8), (12, 12)),
    "mlp-784-64-10": ((8, 10), (12, 13)),
    "lenet5": ((8, 12), (8, 14), (8, 15), (12, 14), (16, 16)),
    "cnn-264k": ((11, 13),),
    "lstm-small": ((12, 11),),
    "dense-4m": (),
}
_ROOT = bytes(range(32))
# The units that whole transactions tell; the others are costs of precompiles and of single parts.
_FREE = ("once", "public_cells", "claims")
Say = Callable[[str], None]


def measure(folder: Path, contracts: Path, say: Say) -> dict[str, Any]:
    """Deploy the verifier contract and have it check a proof for each point."""
    folders = Folders(folder, contracts)
    with Supervisor(folders.logs, base_environment(folders)) as supervisor:
        people = development_people()
        network = Network(supervisor, folders, people)
        network.start_chain(0, keep=False)
        chain = Chain(network.rpc)
        verifier, receipt = create(chain, people.deployer, "SumcheckVerifier", (), PATIENT)
        code_bytes = len(chain.code(verifier.address))
        contract = Contract(chain, "SumcheckVerifier", verifier.address)
        rows = []
        for name, points in POINTS.items():
            rows += list(_model(contract, name, points, folder, say))
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "deployment_gas": receipt.gas_used,
        "code_bytes": code_bytes,
        "rows": rows,
    }


def _model(
    contract: Contract, name: str, points: Sequence[tuple[int, int]], folder: Path, say: Say
) -> Iterator[dict[str, Any]]:
    stored = resolve(ModelStore.at(folder), name)
    held_out = stored.held_out()
    compiled = compile_stored(stored, None)
    draft = draft_key(compiled.program, compiled.blobs)
    tensors = Tensors.of(draft.tensors())
    chosen = choose(lambda w: draft.relation(w, 1), tensors, Bounds(2**40), Target.GAS)
    inputs = tuple(quantise_row(stored.record, held_out or stored.calibration(), 0))
    for width, logrows in dict.fromkeys(((chosen.width, chosen.logrows), *points)):
        say(f"{name}: tables of {width} bits, rows of 2^{logrows}")
        found = _point(contract, draft, compiled.blobs, inputs, (width, logrows), folder)
        best = (width, logrows) == (chosen.width, chosen.logrows)
        yield {"model": name, "width": width, "logrows": logrows, "chosen": best, **found}


def _point(
    contract: Contract,
    draft: Draft,
    blobs: Sequence[Any],
    inputs: tuple[Tensor, ...],
    parameters: tuple[int, int],
    folder: Path,
) -> dict[str, Any]:
    curve, people, (width, logrows) = NativeCurve(), development_people(), parameters
    powers = obtain_powers(UnsafeSrs(folder / "srs", curve), logrows, curve).powers
    points = powers.first(logrows)
    relation = draft.relation(width, 1)
    rows = commit_rows(relation, blobs, points, logrows, curve)
    key = draft.key(width, logrows, rows, powers.tau_g2)
    code = blob(key)
    account, _ = place(contract.chain, people.deployer, "a blob", creation_code(code), PATIENT)
    proved = prove(prepare(draft.program, blobs, key, points), _ROOT, [inputs])
    data = [b"".join(one.data() for one in some) for some in (inputs, proved.outputs[0])]
    arguments = (checksum(account.address), _ROOT, *data, proved.proof)
    call = contract.call("verify", *arguments)
    receipt = send(contract.chain, people.validator, call, PATIENT)
    zeros = call.data.count(0)
    return {
        "gas": receipt.gas_used,
        "calldata_bytes": len(call.data),
        "tokens": 4 * len(call.data) - 3 * zeros,
        "proof_bytes": len(proved.proof),
        "blob_bytes": len(code),
        "counts": counts(
            survey(relation, width), stack(relation, logrows), Tensors.of(draft.tensors())
        ),
    }


def running(row: dict[str, Any]) -> int:
    """Gas of the contract's own work."""
    return int(row["gas"]) - BASE - PER_TOKEN * int(row["tokens"])


def units() -> dict[str, float]:
    """Every unit by the name of its count; what is paid once is added up."""
    found: dict[str, float] = {}
    for part, known in UNITS.items():
        for name, unit in known.items() if part != "adapter" else ():
            found[name] = found.get(name, 0.0) + unit
    return found


def predicted(row: dict[str, Any]) -> float:
    """The same, by the units."""
    return sum(unit * int(row["counts"][name]) for name, unit in units().items())


def page(found: dict[str, Any]) -> str:
    """The page as Markdown; every number in it comes from the report."""
    off = [predicted(row) / running(row) for row in found["rows"]]
    lines = [
        "# Gas",
        "",
        "What the contract that checks `sumcheck/v1` takes for real proofs: transactions to",
        "`SumcheckVerifier` itself on a development chain (Osaka's rules), one proof each, with",
        f"input, output and proof in calldata. Measured on {found['measured_at']}. The contract",
        f"has {found['code_bytes']:,} bytes and took {found['deployment_gas']:,} gas to deploy,",
        "once for all models.",
        "",
        "| " + " | ".join(_TITLES) + " |",
        "|---|" + "---:|" * (len(_TITLES) - 1),
        *("| " + " | ".join(_cells(row)) + " |" for row in found["rows"]),
        "",
        "`w` is the width of the range table, a row has 2^`c` entries; a star marks the key of",
        "`avow compile --optimize gas`. `running` is gas without the transaction's own 21,000 and",
        "without calldata, `predicted` what the [cost model](reference/sumcheck-costs.md) says:",
        f"between {min(off):.2f} and {max(off):.2f} of it.",
        "Router and adapter come on top: [Proving](proving.md) has whole settlements.",
        "",
        f"This page is written by `python -m avow.api.bench.{NAME} docs` from `{NAME}.json`, which",
        f"`python -m avow.api.bench.{NAME} docs measure` measures in about a minute.",
    ]
    return "\n".join(lines) + "\n"


_TITLES = (
    "model", "w", "c", "rows", "claims", "proof B", "calldata B", "blob B", "gas", "running",
    "predicted",
)  # fmt: skip


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    name = row["model"] + ("*" if row["chosen"] else "")
    counted = row["counts"]
    numbers = [counted["rows"], counted["claims"], row["proof_bytes"], row["calldata_bytes"]]
    numbers += [row["blob_bytes"], row["gas"], running(row)]
    return (
        name,
        str(row["width"]),
        str(row["logrows"]),
        *(f"{number:,}" for number in numbers),
        f"{predicted(row):,.0f}",
    )


def fit(rows: Sequence[dict[str, Any]], free: Sequence[str]) -> dict[str, float]:
    """The units of `free` counts that fit best in proportion, the others as they are."""
    wanted = np.array([running(row) for row in rows], dtype=float)
    fixed = [
        sum(unit * row["counts"][name] for name, unit in units().items() if name not in free)
        for row in rows
    ]
    matrix = np.array([[row["counts"][name] for name in free] for row in rows], dtype=float)
    weights = 1 / wanted
    solved, *_ = np.linalg.lstsq(
        matrix * weights[:, None], (wanted - np.array(fixed)) * weights, rcond=None
    )
    return dict(zip(free, map(float, solved), strict=True))


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [measure | fit]`: see the module."""
    folder, *what = arguments or ["docs"]
    kept = Path(folder) / f"{NAME}.json"
    if what == ["measure"]:
        with TemporaryDirectory(prefix="avow-gas-") as scratch:
            found = measure(Path(scratch), from_environment().contracts, print)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(kept.read_text(encoding="utf-8"))
    if what == ["fit"]:
        print(fit(found["rows"], _FREE))
        return 0
    (Path(folder) / f"{NAME}.md").write_text(page(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
