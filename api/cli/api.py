"""`avow api`: the HTTP API alone, for an installation whose other parts run elsewhere."""

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="IP address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port; 0 takes a free one.",
)
def api(host: str, port: int) -> None:
    """Serve the HTTP API over this installation's queue and bundles until interrupted."""
    from avow.api.server import serve_api

    serve_api(host, port)
