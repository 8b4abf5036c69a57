"""Model cards of the zoo: `card.json` for programs, `card.md` for people, from measured values."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.models.data import load_rows
from avow.models.infer import evaluate
from avow.models.load import load_model


@dataclass(frozen=True, slots=True)
class Task:
    """What a model of the zoo is for and what its numbers mean.

    `input_range` are decimal strings in real units; `input_shape` includes the batch of 1;
    `columns` are (name, power of ten that the value is multiplied by), for tables.
    """

    name: str
    title: str
    dataset: str
    attribution: str
    question: str
    input_name: str
    input_shape: tuple[int, ...]
    input_meaning: str
    input_range: tuple[str, str]
    input_scale: int
    output_name: str
    output_meaning: str
    columns: tuple[tuple[str, int], ...] = ()


VERSION = "1.0.0"
LICENCE = "Apache-2.0"


def write_card(
    task: Task, folder: Path, seed: int, training_rows: int, versions: dict[str, str]
) -> str:
    """Measure the exported model on its held-out rows and write both cards; returns one line."""
    model = load_model(folder / "model.onnx")
    held_out = load_rows(folder / "heldout.npz", model.inputs)
    calibration = load_rows(folder / "calibration.npz", model.inputs)
    result = evaluate(model, held_out)
    if result.correct is None:
        raise ValueError(f"{task.name}: the held-out labels are not classes")
    card = {
        "name": task.name,
        "version": VERSION,
        "licence": LICENCE,
        "dataset": task.dataset,
        "seed": seed,
        "training_rows": training_rows,
        "calibration_rows": len(calibration),
        "held_out_rows": result.rows,
        "held_out_correct": result.correct,
        "parameters": model.parameters,
        "onnx_bytes": len(model.data),
        "onnx_sha256": "0x" + model.sha256.hex(),
        "opset": model.opset,
        "input_range": ":".join(task.input_range),
        "input_scale": task.input_scale,
        "made_with": versions,
    }
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(_page(task, card), encoding="utf-8")
    return (
        f"{task.name}: {result.correct} of {result.rows} held-out rows right, "
        f"{model.parameters} parameters, {len(model.data)} bytes"
    )


def _page(task: Task, card: dict[str, Any]) -> str:
    percent = 100 * card["held_out_correct"] / card["held_out_rows"]
    shape = list(task.input_shape)
    versions = ", ".join(f"{name} {value}" for name, value in sorted(card["made_with"].items()))
    lines = [
        f"# {task.name}",
        "",
        f"{task.title}. {task.question}",
        "",
        f"- **Held-out accuracy**: {percent:.2f} % ({card['held_out_correct']} of "
        f"{card['held_out_rows']} rows that took no part in training or calibration)",
        f"- **Data**: {task.dataset}; {card['training_rows']} rows for training, of which "
        f"{card['calibration_rows']} also calibrate",
        f"- **Source of the data**: {task.attribution}",
        f"- **Input** `{task.input_name}` {shape}: {task.input_meaning}; "
        f"declared range {task.input_range[0]} to {task.input_range[1]}, "
        f"scale 2^{task.input_scale}",
        f"- **Output** `{task.output_name}`: {task.output_meaning}",
        f"- **Size**: {card['parameters']} parameters, {card['onnx_bytes']} bytes of ONNX "
        f"(opset {card['opset']}, batch 1)",
        f"- **Seed** {card['seed']}; made with {versions}",
        f"- **Licence**: {card['licence']}",
        "",
        "An example to try things on. It is not fit to decide anything about a person.",
    ]
    if task.columns:
        lines += ["", "| column | measurement | multiplied by |", "|---|---|---|"]
        lines += [
            f"| {at} | {name} | 10^{exponent} |" for at, (name, exponent) in enumerate(task.columns)
        ]
    return "\n".join(lines) + "\n"
