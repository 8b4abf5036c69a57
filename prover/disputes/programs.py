"""The programs that a validator vouches for: its own artifacts', made again and checked by it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic.artifact import Loaded, load
from avow.circuits.optimistic.compile import draft
from avow.circuits.optimistic.recheck import recheck
from avow.models.errors import ModelError
from avow.prover.catalogue import Compiled
from avow.prover.disputes.recheck import Recheck
from avow.prover.errors import ProverError
from avow.verifier.systems.optimistic.claim import SYSTEM_ID
from avow.verifier.tensor import TensorSpec
from avow.verifier.trace.refutation import TracedClaim

LOG = logging.getLogger("avow.node")
# Each holds its weights and what runs them.
_KEPT = 4


class NotVouched(ProverError):
    """A program that this node says nothing about; `final` unless it may be compiled yet."""

    def __init__(self, reason: str, final: bool = True) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True, slots=True)
class Vouched:
    """A program that was checked here. `from_onnx`: also that it is what its model compiles to."""

    compiled: Compiled
    loaded: Loaded
    recheck: Recheck
    from_onnx: bool

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The program's inputs."""
        return self.loaded.program.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The program's outputs."""
        return self.compiled.record.outputs


class Programs:
    """Checked programs by the key of their claims; each is checked when it is first claimed."""

    def __init__(self, catalogue: Callable[[], Sequence[Compiled]], threads: int = 0) -> None:
        self._catalogue = catalogue
        self._threads = threads
        self._kept: OrderedDict[str, Vouched] = OrderedDict()
        self._refused: dict[str, str] = {}

    def of(self, traced: TracedClaim) -> Vouched:
        """The program of a claim; raises NotVouched."""
        for compiled in self._catalogue():
            record = compiled.record
            if (record.system, record.key, record.program) == (
                SYSTEM_ID,
                traced.key,
                traced.program,
            ):
                return self._checked(compiled)
        reason = "its program is not compiled here (avow compile --system optimistic)"
        raise NotVouched(reason, final=False)

    def _checked(self, compiled: Compiled) -> Vouched:
        digest = compiled.record_digest
        if digest in self._refused:
            raise NotVouched(self._refused[digest])
        found = self._kept.get(digest)
        if found is None:
            try:
                found = self._check(compiled)
            except (CircuitError, ModelError, NotVouched) as error:
                self._refused[digest] = str(error)
                raise NotVouched(str(error)) from error
            if len(self._kept) == _KEPT:
                self._kept.popitem(last=False)
            self._kept[digest] = found
        self._kept.move_to_end(digest)
        return found

    def _check(self, compiled: Compiled) -> Vouched:
        """The key is the program's, every element can be refuted, and the program the model's."""
        # Nodes without a claim to check do without what reads models.
        from avow.models.load import load_model

        loaded = load(load_artifact(compiled.folder))
        draft(loaded.program, loaded.blobs)
        from_onnx = compiled.onnx.is_file()
        if from_onnx:
            model = load_model(compiled.onnx)
            compared = recheck(model, compiled.model, compiled.record, LOG.info)
            wrong = [one.what for one in compared if one.found is not None and not one.equal]
            if wrong:
                raise NotVouched(f"its record is not of its model: {', '.join(wrong)} differ")
        else:
            LOG.warning(
                "model=%s is watched without its ONNX file: that its program is this model's "
                "is not checked",
                compiled.model.name,
            )
        return Vouched(
            compiled, loaded, Recheck(loaded.program, loaded.blobs, self._threads), from_onnx
        )
