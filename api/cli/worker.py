"""`avow worker`: answers and proves the jobs of the queue until it is stopped."""

from dataclasses import replace

import click


@click.command("worker")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Proofs at the same time (default: AVOW_CONCURRENCY, else 1).",
)
@click.option(
    "--allow-unsafe-srs",
    is_flag=True,
    help="Prove with a locally made SRS, whose maker can forge proofs (development only).",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    help="Where programs and previews run (default: AVOW_DEVICE, else auto: CUDA where there is "
    "one). Refuses to start where that device does not work.",
)
def worker(concurrency: int | None, allow_unsafe_srs: bool, device: str | None) -> None:
    """Answer the jobs of the queue and make their evidence, until stopped by SIGTERM or Ctrl-C.

    Starts a Redis of its own unless AVOW_BROKER_URL names one, and leaves no process behind.
    """
    from avow.prover.config import from_environment
    from avow.prover.logs import set_up_logging
    from avow.prover.worker import Worker

    config = from_environment()
    if concurrency is not None:
        config = replace(config, concurrency=concurrency)
    if device is not None:
        config = replace(config, device=device)
    if allow_unsafe_srs:
        config = replace(config, allow_unsafe_srs=True)
    set_up_logging(config)
    Worker(config).run()
