"""The group `avow`: its commands are imported when they are used."""

from dataclasses import dataclass
from importlib import import_module

import click

from avow.prover.version import VERSION


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command lives and what `avow --help` says of it."""

    module: str
    attribute: str
    summary: str


# A table, because `avow --help` must not import what the commands need (ezkl, web3, ...).
COMMANDS: dict[str, Entry] = {
    "demo": Entry("avow.api.cli.demo", "demo", "Run the whole line once on this machine."),
    "serve": Entry("avow.api.cli.serve", "serve", "Keep chain, workers, nodes and API running."),
    "verify": Entry("avow.api.cli.verify", "verify", "Check a bundle offline."),
    "model": Entry("avow.api.cli.model", "model", "Add, compile, split and check models."),
    "plan": Entry("avow.api.cli.plan", "plan", "Predict what evidence for a model takes."),
    "compile": Entry(
        "avow.api.cli.compile", "compile_command", "Compile a model for one kind of evidence."
    ),
    "split": Entry(
        "avow.api.cli.split", "split", "Hide a model's first part in a proof, claim the rest."
    ),
    "srs": Entry("avow.api.cli.srs", "srs", "Obtain structured reference strings."),
    "job": Entry("avow.api.cli.job", "job", "Submit work and follow it."),
    "remote": Entry("avow.api.cli.remote", "remote", "Ask a provider over HTTP, verify here."),
    "worker": Entry("avow.api.cli.worker", "worker", "Answer queued jobs and make their evidence."),
    "enclave": Entry("avow.api.cli.enclave", "enclave", "Show what enclaves registered."),
    "api": Entry("avow.api.cli.api", "api", "Serve the HTTP API alone."),
    "keys": Entry("avow.api.cli.keys", "keys", "Make, list and revoke keys of the HTTP API."),
    "provider": Entry("avow.api.cli.nodes", "provider", "Serve a chain's orders for a price."),
    "validator": Entry("avow.api.cli.nodes", "validator", "Check delivered bundles and settle."),
    "planter": Entry("avow.api.cli.planter", "planter", "Plant wrong claims; charge who missed."),
    "contracts": Entry("avow.api.cli.contracts", "contracts", "Deploy and use the contracts."),
    "attestation": Entry(
        "avow.api.cli.attestation", "attestation", "Check evidence; keys of enclaves on a chain."
    ),
    "registrar": Entry("avow.api.cli.registrar", "registrar", "Vouch for keys of enclaves."),
    "govern": Entry("avow.api.cli.govern", "govern", "Decide about keys of enclaves."),
    "bench": Entry("avow.api.cli.bench", "bench", "Measure models on proof systems."),
}


class Commands(click.Group):
    """The group; a command's module is imported by `get_command` only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None for a name that is not in the table."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.module}.{entry.attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    no_args_is_help=True,
)
@click.version_option(VERSION, prog_name="avow")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def avow(ctx: click.Context, debug: bool) -> None:
    """Avow: did this model, on this input, give this output?

    Exit status: 0 done, 1 a bundle was rejected or a demo failed, 2 the request was refused,
    3 not final yet, 130 interrupted.
    """
    ctx.obj = debug
