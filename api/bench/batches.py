"""Proofs per second and gas per answer against the size of a batch: measures, draws, writes a page.

`python -m avow.api.bench.batches docs measure` measures and writes `docs/batches.json`; without
`measure` chart and page are made from that file.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from avow.api.bench.batch_point import Say, Station, measure_batch
from avow.api.bench.machine import describe_machine, on_machine
from avow.api.bench.order import Desk
from avow.api.errors import BenchError
from avow.api.figures import figure_of_matplotlib, save
from avow.api.local.folder import scratch
from avow.api.local.network import Folders, Network, base_environment
from avow.api.local.people import development_people
from avow.api.local.supervisor import Supervisor
from avow.api.local.tokens import STAKE, UNIT, endow, transfer
from avow.circuits.artifact import Artifact
from avow.circuits.memory import machine_bytes
from avow.circuits.srs_choice import UnsafeSrs
from avow.circuits.sumcheck.compile import Options, compile_model
from avow.circuits.sumcheck.plan import Target
from avow.models.catalogue import add_zoo_model
from avow.models.store import ModelStore, StoredModel
from avow.prover.catalogue import Compiled
from avow.prover.config import from_environment
from avow.prover.native.curve import NativeCurve
from avow.prover.nodes.contracts import to_register
from avow.prover.systems.sumcheck.system import SumcheckProver
from avow.prover.systems.system import Limits
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registration import Registry, Royalty
from avow.verifier.systems.sumcheck.key import SYSTEM_ID

NAME = "batches"
MODEL = "lenet5"
SIZES = (1, 4, 16, 64)
PROOFS = 5
_PROOF_SECONDS = 600.0
_COLOUR, _OTHER = "#4c72b0", "#dd8452"


def measure(
    folder: Path,
    contracts: Path | None,
    say: Say,
    model: str = MODEL,
    sizes: Sequence[int] = SIZES,
    proofs: int = PROOFS,
) -> dict[str, Any]:
    """The report, measured in a scratch folder; without `contracts` nothing is settled."""
    began, load = datetime.now(UTC).strftime("%Y-%m-%d"), os.getloadavg()[0]
    people = development_people()
    with scratch(folder) as root:
        say("compile")
        stored = add_zoo_model(ModelStore.at(root / "home"), model, people.owner.address).stored
        artifact = _compile(stored, root / "home", max(sizes))
        compiled = Compiled(artifact.folder, stored.folder, artifact.model, artifact.record)
        prover = SumcheckProver()
        missing = set(sizes) - set(prover.batch_sizes(compiled))
        if missing:
            raise BenchError(f"the artifact does not hold batches of {sorted(missing)}")

        def rows(desk: Desk | None, settled: Sequence[int]) -> list[dict[str, Any]]:
            limits = Limits(_PROOF_SECONDS, machine_bytes() * 9 // 10)
            found = []
            for size in sizes:
                where = desk if size in settled else None
                station = Station(stored, compiled, prover, limits, where)
                found.append(measure_batch(station, size, proofs, say))
            return found

        try:
            if contracts is None:
                found = rows(None, ())
            else:
                found = _settled(Folders(root, contracts), artifact.folder, sum(sizes), rows)
        finally:
            prover.close()
    return {
        "measured_at": began,
        "machine": describe_machine(),
        "load_average": round(load, 1),
        "model": model,
        "proofs": proofs,
        "rows": found,
    }


def _compile(stored: StoredModel, home: Path, batch: int) -> Artifact:
    curve = NativeCurve()
    options = Options(
        UnsafeSrs(home / "srs", curve), curve, force=True, target=Target.GAS, batch=batch
    )
    return compile_model(
        stored, home, options, home / "artifacts", lambda step, what: None
    ).artifact


def _settled(
    folders: Folders,
    artifact: Path,
    orders: int,
    rows: Callable[[Desk | None, Sequence[int]], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The rows of orders on a development chain that runs for them.

    Those sizes are settled for which contracts are registered by default.
    """
    with Supervisor(folders.logs, base_environment(folders)) as supervisor:
        network = Network(supervisor, folders, development_people())
        network.start_chain(0, keep=False)
        network.deploy()
        market, people = network.market(), network.people
        endow(market, people)
        market.join_validators(people.validator, STAKE)
        transfer(market, people.deployer, people.requester.address, orders * UNIT)
        registry = Registry(market.chain, market.deployment)
        selector = selector_of(SYSTEM_ID)
        found = to_register(artifact, (), market.gas_cap(selector))
        registered = registry.register(people.owner, found, Royalty())
        desk = Desk(market, people, registered.model_key, found.record)
        return rows(desk, registry.batch_sizes(registered.model_key, selector))


TITLES = (
    "batch", "prove s", "answers/s", "checked answers/s", "peak MB", "proof B", "bundle B",
    "verify s", "transactions", "gas", "gas per answer", "calldata per answer B",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One row as texts under `TITLES`."""
    size = row["batch"]
    settled = ("", "", "", "")
    if row["gas"] is not None:
        settled = (
            str(row["transactions"]),
            f"{row['gas']:,}",
            f"{gas_per_answer(row):,.0f}",
            f"{row['calldata_bytes'] / size:,.0f}",
        )
    return (
        str(size),
        f"{row['prove_s']:.3f}",
        f"{rate(row):.1f}",
        f"{checked_rate(row):.1f}",
        f"{row['peak_rss_bytes'] / 10**6:.0f}",
        f"{row['proof_bytes']:,}",
        f"{row['bundle_bytes']:,}",
        f"{row['verify_s']:.2f}",
        *settled,
    )


def rate(row: dict[str, Any]) -> float:
    """Answers proven per second, one proof after the other."""
    return float(row["batch"] / row["prove_s"])


def checked_rate(row: dict[str, Any]) -> float:
    """The same when every bundle is checked before the next proof begins, as a worker does."""
    return float(row["batch"] / (row["prove_s"] + row["check_s"]))


def gas_per_answer(row: dict[str, Any]) -> float:
    """The gas of settling a proof's answers, shared by them."""
    return float(row["gas"] / row["batch"])


def draw(found: dict[str, Any], path: Path) -> None:
    """Answers per second on the left, gas per answer on the right, where there was a chain."""
    rows = found["rows"]
    settled = [row for row in rows if row["gas"] is not None]
    figure = figure_of_matplotlib(path)(figsize=(11, 4.4), layout="constrained", dpi=130)
    panels = figure.subplots(1, 2 if settled else 1, squeeze=False)[0]
    sizes = [row["batch"] for row in rows]
    panels[0].plot(sizes, [rate(row) for row in rows], "o-", color=_COLOUR, label="proven")
    panels[0].plot(
        sizes, [checked_rate(row) for row in rows], "s--", color=_OTHER, label="proven and checked"
    )
    panels[0].set(yscale="log", ylabel="answers per second")
    panels[0].legend(loc="upper left")
    if settled:
        values = [gas_per_answer(row) for row in settled]
        panels[1].plot([row["batch"] for row in settled], values, "o-", color=_COLOUR)
        panels[1].set(yscale="log", ylabel="gas per answer")
    for panel in panels:
        panel.set_xscale("log", base=2)
        panel.set(xlabel="answers in one proof")
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.grid(which="both", alpha=0.2)
    machine = found["machine"]
    title = f"{found['model']}, {machine['cores']} x {machine['cpu']}, {found['measured_at']}"
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def page(found: dict[str, Any]) -> str:
    """The page as Markdown; every number in it comes from the report."""
    machine, rows = found["machine"], found["rows"]
    first, last = rows[0], rows[-1]
    lines = [
        "# Batches",
        "",
        f"Proofs of `sumcheck/v1` that hold several answers of `{found['model']}`, compiled with",
        f"`--optimize gas`. Measured on {found['measured_at']}; medians of {found['proofs']} "
        "proofs in a",
        "process that is kept, as a worker keeps it.",
        "",
        on_machine(machine),
        f"Load average when it began: {found['load_average']:.1f}.",
        "",
        "![answers per second and gas per answer](batches.svg)",
        "",
        "| " + " | ".join(TITLES) + " |",
        "|" + "---:|" * len(TITLES),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
        f"With {last['batch']} answers in a proof, {rate(last) / rate(first):.1f} times as many "
        f"are proven in a second as one by one, and",
        f"{checked_rate(last) / checked_rate(first):.1f} times as many when every bundle is "
        "checked before it is shown, as a worker does: the plain",
        "verifier looks at the shared proof once. `verify s` is what somebody else's check of one "
        "bundle takes,",
        f"`bundle B` the largest bundle: of {last['batch']} answers it has "
        f"{last['bundle_bytes'] - first['bundle_bytes']:,} bytes more than of one.",
        *_gas_text([row for row in rows if row["gas"] is not None]),
        "",
        f"This page is written by `python -m avow.api.bench.{NAME} docs` from `{NAME}.json`, which",
        f"`python -m avow.api.bench.{NAME} docs measure` measures in some minutes.",
    ]
    return "\n".join(lines) + "\n"


def _gas_text(settled: Sequence[dict[str, Any]]) -> list[str]:
    if not settled:
        return []
    first, last = settled[0], settled[-1]
    lines = [
        "",
        "`gas` is that of the transactions on a development chain that settle all orders of a "
        "proof: in each the proof's",
        "check, and for each order its inputs and output in calldata, its statement and its "
        "payments. More than",
        "one is sent where one would have more than the 128 KiB that nodes pass on.",
    ]
    if first["batch"] < last["batch"]:
        lines.append(
            f"One of {last['batch']} orders costs {gas_per_answer(last):,.0f} gas, alone "
            f"{gas_per_answer(first):,.0f}."
        )
    return lines


def main(arguments: Sequence[str]) -> int:
    """`FOLDER [measure]`: see the module."""
    folder = Path(arguments[0] if arguments else "docs")
    report = folder / f"{NAME}.json"
    if arguments[1:] == ["measure"]:
        with TemporaryDirectory(prefix="avow-batches-") as home:
            found = measure(
                Path(home) / "bench", from_environment().contracts, lambda what: _say(what)
            )
        report.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    found = json.loads(report.read_text(encoding="utf-8"))
    (folder / f"{NAME}.md").write_text(page(found), encoding="utf-8")
    draw(found, folder / f"{NAME}.svg")
    return 0


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
