"""A development chain: anvil as a child of this process, on the loopback address only."""

import ctypes
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from avow.verifier.chain.errors import AnvilUnavailable

CHAIN_ID = 31337
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_START_SECONDS = 60.0
# It writes its state before it ends; cut short, it would lose what was kept.
_STOP_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running development chain; `url` is its JSON-RPC address."""

    url: str
    pid: int


def find_anvil(contracts: Path) -> Path:
    """The anvil binary of the npm packages in `contracts/node_modules`."""
    folder = contracts / "node_modules" / "@foundry-rs"
    for binary in sorted(folder.glob("anvil-*/bin/anvil")):
        if os.access(binary, os.X_OK):
            return binary.resolve()
    raise AnvilUnavailable(
        f"anvil: expected an executable {folder}/anvil-*/bin/anvil, found none (run `make setup`)"
    )


@contextmanager
def running_anvil(
    contracts: Path,
    *,
    state: Path | None = None,
    block_time: int | None = None,
    port: int = 0,
    chain_id: int = CHAIN_ID,
) -> Iterator[Anvil]:
    """Runs anvil until the block ends; a free port unless one is given.

    With `state` the chain is read from that file, written to it every second and once more at
    the end, so that it survives the process. `block_time` mines every so many seconds, else
    each transaction makes a block. The child dies with the thread that started it.
    """
    binary = find_anvil(contracts)
    with tempfile.TemporaryDirectory(prefix="avow-anvil-") as folder:
        log = Path(folder) / "anvil.log"
        process = _start(_command(binary, state, block_time, port, chain_id), log)
        try:
            yield Anvil(f"http://127.0.0.1:{_port(process, log)}", process.pid)
        finally:
            _stop(process)


def _command(
    binary: Path, state: Path | None, block_time: int | None, port: int, chain_id: int
) -> list[str]:
    command = [str(binary), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--chain-id", str(chain_id)]
    if state is not None:
        command += ["--state", str(state), "--state-interval", "1"]
    if block_time is not None:
        # Transactions are mined at once all the same; the interval only lets time pass.
        command += ["--block-time", str(block_time), "--mixed-mining"]
    return command


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("wb") as output:
        try:
            # A session of its own: Ctrl-C reaches us, and we decide in which order things end.
            return subprocess.Popen(  # noqa: S603 - our own binary, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise AnvilUnavailable(f"anvil: cannot start {command[0]}: {error.strerror}") from error


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        text = log.read_text("utf-8", errors="replace")
        if found := _LISTENING.search(text):
            return int(found[1])
        if process.poll() is not None:
            lines = text.strip().splitlines() or ["it said nothing"]
            raise AnvilUnavailable(
                f"anvil: ended with code {process.returncode} before listening: {lines[-1][:200]}"
            )
        time.sleep(0.01)
    _stop(process)
    raise AnvilUnavailable(f"anvil: not listening after {_START_SECONDS:g} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
