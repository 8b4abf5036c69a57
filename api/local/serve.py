"""A network that keeps running: started or resumed in a folder, watched, ended in order."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from avow.api.local.folder import held
from avow.api.local.network import SYSTEM, Folders, Network, base_environment, wait_ready
from avow.api.local.people import development_people
from avow.api.local.steps import Steps
from avow.api.local.supervisor import Supervisor
from avow.api.local.tokens import STAKE, endow
from avow.verifier.fields import to_hex

ROYALTY_BPS = 500
_WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Served:
    """What to serve and where to listen; port 0 takes a free one."""

    folder: Path
    contracts: Path
    models: tuple[str, ...]
    rpc_port: int
    api_port: int
    system: str = SYSTEM


@dataclass(slots=True)
class Server:
    """Everything that `avow serve` runs. The folder keeps chain, contracts, keys and jobs."""

    served: Served
    steps: Steps = field(default_factory=Steps)

    def run(self) -> None:
        """Run until interrupted; raises `ProcessError` when a part ends by itself."""
        with held(self.served.folder) as folder:
            folders = Folders(folder, self.served.contracts)
            with Supervisor(folders.logs, base_environment(folders)) as supervisor:
                network = Network(supervisor, folders, development_people())
                self._start(network)
                while True:
                    supervisor.check()
                    time.sleep(_WATCH_SECONDS)

    def _start(self, network: Network) -> None:
        step, say = self.steps.step, self.steps.say
        with step("chain", "Development chain (anvil) and worker with its own Redis"):
            network.start_chain(self.served.rpc_port, keep=True)
            worker = network.start_worker()
        with step("contracts", "Contracts"):
            network.deploy()
            market = network.market()
        keys = {}
        for name in self.served.models:
            with step(name, f"Model {name}, compiled with an UNSAFE SRS made here"):
                network.add_model(name)
                network.compile(name, self.served.system, self.steps.progress)
                keys[name], _ = network.register(name, self.served.system, ROYALTY_BPS)
        with step("nodes", "API, provider, validator"):
            endow(market, network.people)
            _, api = network.start_api(self.served.api_port)
            wait_ready(worker, network.start_provider(api), network.start_validator(STAKE))
        with step("ready", "Running; Ctrl-C ends everything"):
            folders = network.folders
            say(f"chain      {network.rpc}", f"API        {api}", f"console    {api}/")
            say(f"contracts  {folders.deployment}", f"logs       {folders.logs}")
            for name, key in keys.items():
                say(f"model      {name}: key {to_hex(key)}")
            say(
                "In another terminal:",
                f"  export AVOW_HOME={folders.home} AVOW_RPC_URL={network.rpc}",
            )
