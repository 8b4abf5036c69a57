"""What `ezkl/v1` is predicted to take: from the rows that ezkl counts, by measured proofs.

Counting takes ezkl itself, without calibration and without keys: below a second for most models.
"""

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

from avow.circuits.errors import CircuitError
from avow.circuits.ezkl.child import Limits, run
from avow.circuits.ezkl.files import GRAPH, SETTINGS
from avow.circuits.ezkl.graph import graft
from avow.circuits.ezkl.settings import DECOMPOSITIONS, INNER_COLUMNS, LARGE_LOGROWS, SCALES
from avow.circuits.files import read_file, write_file
from avow.circuits.forecast import Forecast
from avow.circuits.memory import predicted_proving_bytes
from avow.circuits.srs import MAX_LOGROWS
from avow.models.store import StoredModel
from avow.verifier.records import InputVisibility
from avow.verifier.systems.ezkl.layout import BINDING_LIMBS
from avow.verifier.systems.ezkl.settings import MAX_SETTINGS_BYTES, SYSTEM_ID

# Rows that a column cannot use: blinding, and the last one.
_RESERVED = 8
# Bytes of the proving key for each of the 2^logrows rows, and of a proof: with multiplications and
# range checks alone, and what functions with a table (tanh, exp) and shuffles (max pools) add.
_KEY_BYTES, _KEY_FUNCTIONS, _KEY_SHUFFLES = 4_229, 1_341, 4_544
_PROOF_BYTES, _PROOF_FUNCTIONS, _PROOF_SHUFFLES = 3_072, 1_120, 960
# What hashing a hidden input adds to both.
_KEY_HASH, _PROOF_HASH = 5_826, 768
# Seconds, on 2 cores: of setup and of a proof for each byte of the proving key.
_SETUP_PER_BYTE = 21.1e-9
_PROVE_ONCE, _PROVE_PER_BYTE = 0.1, 23.4e-9
_VERIFY_ONCE, _VERIFY_PER_BYTE = 0.15, 0.12e-9
# Gas of a transaction that has the router check a proof.
_GAS_ONCE, _GAS_PER_INSTANCE, _GAS_PER_PROOF_BYTE = 290_000, 1_620, 130
# The table of a function holds the values that calibration saw and as many again: some 2^16.
_TABLE_LOGROWS = 17
_MOST_SETTINGS = 2**26
_COUNTING = Limits(60.0, 8 * 2**30)

HIDES = {False: "nothing", True: "input"}
_FINALITY = "with the block of the settling transaction; off chain at once"


@dataclass(frozen=True, slots=True)
class Count:
    """What ezkl says of a circuit before keys: its rows, and what else it needs.

    `settings_bytes` is the length of the settings, which every bundle carries.
    """

    rows: int
    least_logrows: int
    functions: bool
    shuffles: bool
    hidden: bool = False
    settings_bytes: int = 0

    @property
    def logrows(self) -> int:
        """The shortest column that holds them."""
        return max((self.rows + _RESERVED - 1).bit_length(), self.least_logrows)


def forecast(stored: StoredModel, most_bytes: int, input_visibility: InputVisibility) -> Forecast:
    """Predict fixed weights, and an input that is shown or hidden, with so much memory.

    A model that ezkl refuses, and an installation without ezkl, give a forecast that says so.
    """
    hidden, record = input_visibility is InputVisibility.HASHED, stored.record
    hides = HIDES[hidden]
    try:
        found = count(stored, input_visibility)
    except CircuitError as error:
        return Forecast(SYSTEM_ID, None, 1, hides, _FINALITY, missing=str(error))
    if found.logrows > MAX_LOGROWS:
        missing = f"{found.rows:,} rows need more than the 2^{MAX_LOGROWS} of any string"
        return Forecast(SYSTEM_ID, None, 1, hides, _FINALITY, missing=missing)
    shown = [math.prod(one.shape) for one in record.outputs]
    # A hidden input shows its hash and that of the binding.
    shown += [1, 1] if found.hidden else [math.prod(one.shape) for one in record.inputs]
    return predict(found, sum(shown) + BINDING_LIMBS, most_bytes)


def predict(found: Count, instances: int, most_bytes: int) -> Forecast:
    """What a circuit of that size takes that shows so many values."""
    a_row = _KEY_BYTES + _KEY_FUNCTIONS * found.functions + _KEY_SHUFFLES * found.shuffles
    proof = _PROOF_BYTES + _PROOF_FUNCTIONS * found.functions + _PROOF_SHUFFLES * found.shuffles
    if found.hidden:
        a_row, proof = a_row + _KEY_HASH, proof + _PROOF_HASH
    key = a_row * 2**found.logrows
    memory = predicted_proving_bytes(key)
    return Forecast(
        system=SYSTEM_ID,
        optimize=None,
        batch=1,
        hides=HIDES[found.hidden],
        finality=_FINALITY,
        setup=f"{found.rows:,} rows, 2^{found.logrows}",
        setup_seconds=_SETUP_PER_BYTE * key,
        fresh_seconds=_PROVE_ONCE + _PROVE_PER_BYTE * key,
        verify_seconds=_VERIFY_ONCE + _VERIFY_PER_BYTE * key,
        memory_bytes=memory,
        key_bytes=key,
        proof_bytes=proof,
        gas=_GAS_ONCE + _GAS_PER_INSTANCE * instances + _GAS_PER_PROOF_BYTE * proof,
        beyond=_beyond(found, memory, most_bytes),
    )


def _beyond(found: Count, memory: int, most_bytes: int) -> str | None:
    if found.settings_bytes > MAX_SETTINGS_BYTES:
        return (
            f"beyond ezkl here: settings of {found.settings_bytes:,} bytes, "
            f"at most {MAX_SETTINGS_BYTES:,} are read"
        )
    if memory > most_bytes:
        needed, most = memory / 10**9, most_bytes / 10**9
        return f"beyond this machine: a proof needs {needed:,.0f} GB, {most:,.0f} GB may be used"
    return None


def count(stored: StoredModel, visibility: InputVisibility = InputVisibility.PUBLIC) -> Count:
    """Let ezkl count the rows; raises `CircuitError` where it refuses the model or is not there."""
    scale = max(SCALES[0], *(spec.scale for spec in stored.record.inputs))
    with tempfile.TemporaryDirectory(prefix="avow-plan-") as name:
        folder = Path(name)
        graph = graft(stored.model().data, stored.record.inputs, visibility)
        write_file(folder / GRAPH, graph)
        small, large = DECOMPOSITIONS[:2]
        found = _counted(folder, visibility, small, scale)
        if found.logrows < LARGE_LOGROWS:
            return found
        other = _counted(folder, visibility, large, scale)
        return other if other.logrows <= found.logrows else found


def _counted(
    folder: Path, visibility: InputVisibility, decomposition: tuple[int, int], scale: int
) -> Count:
    base, legs = decomposition
    hidden = visibility is InputVisibility.HASHED
    run_args = {
        "input_visibility": "hashed" if hidden else "public",
        "output_visibility": "public",
        "param_visibility": "fixed",
        "decomp_base": base,
        "decomp_legs": legs,
        "num_inner_cols": INNER_COLUMNS,
        "input_scale": scale,
        "param_scale": scale,
    }
    settings = folder / SETTINGS
    paths = {"model": str(folder / GRAPH), "settings": str(settings)}
    run("gen_settings", paths | {"run_args": run_args}, _COUNTING)
    data = read_file(settings, _MOST_SETTINGS)
    found = json.loads(data)
    functions = bool(found["required_lookups"])
    least = max((base - 1).bit_length() + 1, _TABLE_LOGROWS if functions else 0)
    shuffles = bool(found["num_shuffles"])
    return Count(found["num_rows"], least, functions, shuffles, hidden, len(data))
