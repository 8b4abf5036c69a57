"""`avow serve`: the whole network on this machine until Ctrl-C."""

from pathlib import Path

import click

_PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/serve"),
    show_default=True,
    help="Keeps chain, contracts, keys and jobs from one run to the next.",
)
@click.option(
    "--model", "models", multiple=True, help="Model of the zoo; may be repeated. [digits-mlp]"
)
@click.option(
    "--system",
    type=click.Choice(["sumcheck", "ezkl"]),
    default="sumcheck",
    show_default=True,
    help="Proof system that the models are compiled and registered for.",
)
@click.option("--rpc-port", type=_PORT, default=8545, show_default=True, help="0: a free one.")
@click.option("--port", type=_PORT, default=8000, show_default=True, help="API's; 0: a free one.")
def serve(folder: Path, models: tuple[str, ...], system: str, rpc_port: int, port: int) -> None:
    """Run chain, contracts, worker, provider, validator and API until Ctrl-C.

    For development: the chain is anvil, its keys are publicly known, its tokens are worthless,
    and the SRS is made here. Everything listens on the loopback address. A second run goes on
    where the first one stopped.
    """
    from avow.api.local.interrupts import raise_on_termination
    from avow.api.local.serve import Served, Server
    from avow.prover.config import from_environment

    raise_on_termination()
    contracts = from_environment().contracts
    served = Served(folder, contracts, models or ("digits-mlp",), rpc_port, port, system)
    Server(served).run()
