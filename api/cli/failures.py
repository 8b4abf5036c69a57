"""What a command's exception becomes: one line on stderr and an exit status."""

import os
import sys
import traceback

import click

from avow.api.errors import ApiError, describe, one_line
from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.prover.errors import ProverError
from avow.verifier.chain.errors import ChainError
from avow.verifier.errors import VerificationError

EXPECTED = (ApiError, ModelError, CircuitError, ProverError, ChainError, VerificationError)

REFUSED = 2
DEFECT = 70
INTERRUPTED = 130
BROKEN_PIPE = 141


def report(error: BaseException, debug: bool) -> int:
    """Print the one line that `error` deserves and return the exit status.

    Errors of the rooms, of usage and of the operating system give 2, an interruption 130, a
    reader of our output that went away 141. Anything else is a defect of this program: 70.
    """
    if debug and not isinstance(error, click.ClickException | click.exceptions.Exit):
        traceback.print_exception(error)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _say("avow: interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # Python flushes stdout once more at exit and would complain about the same pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return REFUSED
    if isinstance(error, click.UsageError):
        _say(f"avow: error: {one_line(error.format_message())}{_where(error)}")
        return REFUSED
    if isinstance(error, click.ClickException):
        _say(f"avow: error: {one_line(error.format_message())}")
        return REFUSED
    if isinstance(error, (*EXPECTED, OSError)):
        _say(f"avow: error: {describe(error)}")
        return REFUSED
    if isinstance(error, MemoryError):
        _say("avow: error: not enough memory for this")
        return REFUSED
    hint = "" if debug else " (a defect of avow; AVOW_DEBUG=1 shows where)"
    _say(f"avow: error: {type(error).__name__}: {describe(error)}{hint}")
    return DEFECT


def _where(error: click.UsageError) -> str:
    if error.ctx is None:
        return ""
    return f" (see {error.ctx.command_path} --help)"


def _say(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        # Nobody reads stderr either; the exit status still tells.
        return
