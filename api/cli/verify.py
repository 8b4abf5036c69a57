"""`avow verify`: the verifier's own command line, under the name of the group."""

import click

from avow.verifier.cli import main


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> int:
    """Check a bundle offline: 0 accepted, 1 rejected, 2 usage, 3 not final."""
    return main(arguments, program="avow verify")
