"""The worker: one process that starts broker and labourers, relays, reconciles, and cleans up."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType

from avow.models.devices import Device
from avow.models.program.selfcheck import self_check
from avow.prover.app import build_app
from avow.prover.broker import EmbeddedBroker
from avow.prover.children import READY_FD, WORKER_ID, before_exec, end_child
from avow.prover.config import Config, as_environment
from avow.prover.database import Database, open_database
from avow.prover.device import check_device
from avow.prover.enclave.keeper import SOCKET, EnclaveKeeper
from avow.prover.errors import BrokerUnavailable, DatabaseUnavailable
from avow.prover.leases import Terms
from avow.prover.metrics.serve import new_registry, shown
from avow.prover.metrics.worker import WorkerFigures
from avow.prover.queue import now_ms
from avow.prover.queues import WorkQueue
from avow.prover.reconcile import give_back, reconcile
from avow.prover.relay import Relay
from avow.prover.stalls import Stalls, at_work
from avow.prover.stores.address import open_store
from avow.prover.version import VERSION

_LOG = logging.getLogger("avow.prover")
_ROUND_SECONDS = 0.2
_BROKER_SECONDS = 0.5
_PROBE_SECONDS = 10.0
_RESTART_SECONDS = 2.0
_STOP_SECONDS = 20.0
# How many leases long a queue's messages may wait for a labourer that has nothing to do.
_STALL_LEASES = 4
_HANG_SECONDS = 3.0
RESEND_MS = 300_000

Command = Sequence[str]
# How many messages each queue of the broker holds.
Waiting = Mapping[WorkQueue, int]
_LABOURER = (sys.executable, "-P", "-m", "avow.prover.labourer")


class Worker:
    """Everything that `avow worker` runs. One object, one `run`."""

    def __init__(
        self,
        config: Config,
        labourer: Command = _LABOURER,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._config = config
        self._labourer = tuple(labourer)
        self._environment = os.environ if environment is None else environment
        self.id = uuid.uuid4().hex[:8]
        self._embedded = EmbeddedBroker(config.broker_folder) if not config.broker_url else None
        self._enclave: EnclaveKeeper | None = None
        self._processes: dict[WorkQueue, subprocess.Popen[bytes]] = {}
        self._started: dict[WorkQueue, float] = {}
        self._stopping = False
        self._registry = new_registry(VERSION)
        self._figures = WorkerFigures(self._registry, config.queues)
        self._terms = Terms(config.lease_seconds * 1000, config.max_attempts)
        self._stalls = Stalls(_STALL_LEASES * config.lease_seconds)

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Works until SIGTERM or SIGINT, then leaves no process behind.

        Work under way is given back without counting the attempt. Raises DatabaseUnavailable
        or BrokerUnavailable when it cannot even begin, ModelError when this machine does not
        compute integer programs exactly, ConfigurationError when the device that it is told to
        use does not work, or its enclave does not start.
        """
        # On this very hardware, before anybody is answered by a program.
        self_check()
        check_device(Device(self._config.device))
        database = open_database(self._config.database_url)
        previous = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            if self._embedded is not None:
                self._embedded.ensure()
            open_store(self._config).sweep()
            if self._config.enclave is not None:
                self._enclave = EnclaveKeeper(self._enclave_environment())
                self._enclave.start()
            with shown(self._registry, self._config.metrics):
                self._serve(database, ready)
        finally:
            try:
                self._end_labourers(database)
            finally:
                if self._enclave is not None:
                    self._enclave.stop()
                if self._embedded is not None:
                    self._embedded.stop()
                database.close()
                for number, handler in previous.items():
                    signal.signal(number, handler)

    def _enclave_environment(self) -> dict[str, str]:
        given = {
            name: value
            for name, value in self._environment.items()
            if name.startswith("AVOW_ENCLAVE")
        }
        return as_environment(self._config, self._environment) | given

    def _serve(self, database: Database, ready: Callable[[], None]) -> None:
        url = self._embedded.url if self._embedded is not None else self._config.broker_url
        # The address cannot be None: without one there is an embedded broker.
        address = url or ""
        relay = Relay(build_app(address, self._config), database, now_ms)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        clocks = _Clocks()
        waiting_for = len(self._config.queues)
        try:
            while not self._stopping:
                if self._enclave is not None:
                    self._enclave.keep()
                self._keep_labourers(address, writer)
                waiting_for -= _bytes_in(reader) if waiting_for > 0 else 0
                if waiting_for == 0:
                    waiting_for = -1
                    _LOG.info("worker=%s ready", self.id)
                    ready()
                self._round(database, relay, clocks)
                time.sleep(_ROUND_SECONDS)
        finally:
            os.close(reader)
            os.close(writer)

    def _round(self, database: Database, relay: Relay, clocks: _Clocks) -> None:
        try:
            if self._embedded is not None and clocks.due("broker", _BROKER_SECONDS):
                self._embedded.ensure()
            if clocks.due("reconcile", self._config.lease_seconds / 3):
                waiting = _waiting(relay)
                done = reconcile(database, now_ms(), self._terms, self._patience_ms(waiting))
                self._figures.reconciled(done)
                if done:
                    _LOG.warning(
                        "reconciled: taken_back=%d expired=%d resent=%d",
                        done.taken_back,
                        done.expired,
                        done.resent,
                    )
                self._end_stalled(database, waiting)
            if clocks.due("relay", 0):
                self._figures.relayed(relay.once())
            if clocks.due("probe", _PROBE_SECONDS):
                relay.probe()
                self._figures.broker(True)
        except BrokerUnavailable as error:
            self._stalls.forget()
            self._figures.broker(False)
            if not relay.down and clocks.due("say-broker", 30):
                _LOG.error("%s", error)
            clocks.hold("relay", 1.0)
        except DatabaseUnavailable as error:
            self._stalls.forget()
            _LOG.error("%s", error)
            clocks.hold("relay", 1.0)
            clocks.hold("reconcile", 1.0)

    def _patience_ms(self, waiting: Waiting | None) -> int:
        """How long after its message a job waits for a worker before it is asked for again.

        Where queues are long most of them wait for good reason. Where they are empty the message
        is lost: the broker died with it, or who took it died before it had begun.
        """
        idle = waiting is not None and not any(waiting.values())
        return 2 * self._terms.lease_ms if idle else RESEND_MS

    def _end_stalled(self, database: Database, waiting: Waiting | None) -> None:
        """Ends the labourers that take nothing of what waits; they are started again."""
        if waiting is None:
            self._stalls.forget()
            return
        served = {queue: waiting[queue] for queue in self._config.queues}
        with database.read() as session:
            busy = at_work(session, self.id) if any(served.values()) else set()
        for queue in self._stalls.observe(served, busy):
            _LOG.error(
                "%s labourer took none of %d messages for %d s: it is ended",
                queue.value,
                served[queue],
                self._stalls.seconds,
            )
            end_child(self._processes[queue], _HANG_SECONDS)

    def _keep_labourers(self, address: str, writer: int) -> None:
        for queue in self._config.queues:
            process = self._processes.get(queue)
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                self._figures.labourer(queue, False)
                if time.monotonic() - self._started[queue] < _RESTART_SECONDS:
                    continue
                _LOG.error("%s labourer ended with %s: again", queue.value, process.returncode)
            config = replace(self._config, broker_url=address)
            environment = as_environment(config, self._environment)
            environment |= {WORKER_ID: self.id, READY_FD: str(writer)}
            if self._enclave is not None:
                environment[SOCKET] = str(self._enclave.socket)
            # In a session of its own, so that Ctrl-C reaches the worker alone, which stops it.
            self._processes[queue] = subprocess.Popen(  # noqa: S603 - our own program
                [*self._labourer, queue.value],
                stdin=subprocess.DEVNULL,
                # What labourers have to say they log; Celery greets on stdout.
                stdout=subprocess.DEVNULL,
                env=environment,
                pass_fds=(writer,),
                start_new_session=True,
                preexec_fn=before_exec(),
            )
            self._started[queue] = time.monotonic()
            self._stalls.forget(queue)
            self._figures.started(queue)

    def _end_labourers(self, database: Database) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        while time.monotonic() < deadline and self._any_alive():
            try:
                give_back(database, self.id, now_ms(), self._terms)
            except DatabaseUnavailable as error:
                _LOG.error("%s", error)
            time.sleep(_ROUND_SECONDS)
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    def _any_alive(self) -> bool:
        return any(process.poll() is None for process in self._processes.values())

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopping:
            _LOG.info("worker=%s stopping on signal %d", self.id, number)
        self._stopping = True


class _Clocks:
    """When each recurring duty is due next; every duty is due at first."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def due(self, duty: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(duty, 0.0):
            return False
        self._next[duty] = now + every
        return True

    def hold(self, duty: str, seconds: float) -> None:
        self._next[duty] = time.monotonic() + seconds


def _waiting(relay: Relay) -> Waiting | None:
    """None where the broker cannot be asked."""
    try:
        return relay.waiting(WorkQueue)
    except BrokerUnavailable:
        return None


def _bytes_in(descriptor: int) -> int:
    try:
        return len(os.read(descriptor, 16))
    except BlockingIOError:
        return 0
