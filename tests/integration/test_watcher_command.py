"""The command `avow validator`, killed with SIGKILL again and again while it disputes a claim."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from avow.verifier.lifecycle import LegState
from tests.circuits.sumcheck.small import stored
from tests.integration.court import deep, made, opened
from tests.integration.test_commands import key
from tests.integration.test_watcher import once
from tests.integration.town import CLAIMS, STRANGER, Town
from tests.integration.watching import Watch
from tests.prover.processes import until


def test_a_process_that_is_killed_goes_on(bare_town: Town, tmp_path: Path) -> None:
    town, rng = bare_town, random.Random(7)
    config = town.config
    folder = made().artifact.folder
    shutil.copytree(folder, config.artifacts / folder.name)
    model = config.models / stored().digest.hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(stored().model().data)
    deployment = tmp_path / "31337.json"
    deployment.write_bytes(town.deployment.encode())
    watch = Watch(opened(town, "digits-mlp"))
    before = town.holdings(STRANGER.address)
    delivered = watch.court.deliver(deep, shown=True)
    claimed = watch.court.claim(delivered)
    command = [
        *(sys.executable, "-m", "avow.api.cli.main", "validator", "--poll", "0.1"),
        *("--rpc", town.url, "--deployment", str(deployment)),
        *("--confirmations", "0", "--no-expire", "--bundle-files", str(config.bundles)),
    ]
    environment = os.environ | {"AVOW_HOME": str(config.home), "AVOW_PRIVATE_KEY": key(STRANGER)}

    def over() -> bool:
        return town.state(claimed.order_id) is LegState.SLASHED and not watch.court.claims.credit(
            STRANGER.address
        )

    town.rpc("evm_setIntervalMining", 1)
    deaths, lives = 0, 1.5
    try:
        while not over():
            log = tmp_path / f"{deaths}.log"
            with log.open("wb") as stderr:
                process = subprocess.Popen(command, env=environment, stderr=stderr)
            try:
                # What a start takes here says nothing about how long it should live.
                until(lambda log=log: b" ready " in log.read_bytes(), 120, "it is ready")
                end = time.monotonic() + rng.uniform(0.5, 1.0) * lives
                while time.monotonic() < end and not over():
                    time.sleep(0.1)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            deaths += 1
            # However long a move takes here, it comes to its end.
            lives *= 1.5
    finally:
        town.rpc("evm_setIntervalMining", 0)
        town.rpc("evm_setAutomine", True)
    assert deaths > 1
    after = town.holdings(STRANGER.address)
    assert after[STRANGER.address] - before[STRANGER.address] == CLAIMS.claim_bond // 2
    once(watch)
