"""`avow srs`: making, importing, inspecting and checking structured reference strings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avow.circuits.powers import Powers

FILE = click.Path(path_type=Path)


@click.group()
def srs() -> None:
    """Obtain structured reference strings.

    A proof is only as good as the secret behind the string that its key was made with: whoever
    knows it can prove anything. Take the string of a public ceremony and pin its SHA-256.
    """


@srs.command()
@click.argument("output", type=FILE)
@click.option(
    "--logrows", type=int, required=True, help="The file serves circuits up to 2^LOGROWS."
)
def generate(output: Path, logrows: int) -> None:
    """Make an UNSAFE string in OUTPUT, for development.

    A note beside the file keeps it from ever being called safe.
    """
    from avow.circuits.powers import read_powers
    from avow.circuits.srs import generate as make
    from avow.prover.native.curve import NativeCurve

    click.echo(
        "avow: warning: UNSAFE SRS: its secret is known to this machine, so proofs can be forged; "
        "for development only",
        err=True,
    )
    make(output, logrows, NativeCurve())
    _print(read_powers(output))


@srs.command(name="import")
@click.argument("source", type=FILE)
@click.argument("output", type=FILE)
@click.option("--logrows", type=int, help="Keep only 2^LOGROWS powers; by default all.")
def import_ptau(source: Path, output: Path, logrows: int | None) -> None:
    """Turn SOURCE, a prepared .ptau file of snarkjs, into OUTPUT.

    Compare SOURCE's published hash yourself before; the points are copied as they are, and
    `avow srs check OUTPUT` then tells whether they are what they should be.
    """
    from avow.circuits.powers import read_powers
    from avow.circuits.ptau import convert

    convert(source, output, logrows)
    _print(read_powers(output))


@srs.command(name="inspect")
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect_file(path: Path, as_json: bool) -> None:
    """Show a halo2 or .ptau file's size, digests and the ceremony that it comes from."""
    from avow.circuits.powers import read_powers

    found = read_powers(path)
    if as_json:
        click.echo(json.dumps(_description(found), indent=2))
    else:
        _print(found)


@srs.command()
@click.argument("path", metavar="FILE", type=FILE)
@click.option("--sha256", metavar="SHA256", help="Refuse any other file.")
def check(path: Path, sha256: str | None) -> None:
    """Check every point of a halo2 file, or every power of a .ptau file.

    One pairing of random combinations establishes that all powers are powers of one secret,
    another combination that halo2's Lagrange points are theirs.
    """
    from avow.circuits.errors import CircuitError
    from avow.circuits.points import check_powers
    from avow.circuits.powers import read_powers
    from avow.circuits.srs import check_all, inspect
    from avow.prover.native.curve import NativeCurve

    found = read_powers(path)
    if sha256 is not None and sha256.lower().removeprefix("0x") != found.sha256.hex():
        raise CircuitError(
            f"{path.name}: SHA-256 {sha256[:80]} expected, it has {found.sha256.hex()}"
        )
    if found.is_ptau:
        check_powers(found.first(found.logrows), found.tau_g2, NativeCurve(), path.name)
        click.echo(f"  all 2^{found.logrows} powers are powers of one tau")
    else:
        for line in check_all(inspect(path), NativeCurve()):
            click.echo(f"  {line}")
    _print(found)


def _origin(found: "Powers") -> str:
    from avow.verifier.srs import ceremony

    if found.made_here:
        return "UNSAFE: generated locally"
    known = ceremony(found.digest)
    return known or "unknown: trust it only if you know its SHA-256 from elsewhere"


def _description(found: "Powers") -> dict[str, object]:
    from avow.verifier.srs import ceremony

    return {
        "file": str(found.path),
        "logrows": found.logrows,
        "digest": f"0x{found.digest.hex()}",
        "sha256": found.sha256.hex(),
        "ceremony": ceremony(found.digest) or "unknown",
        "made_here": found.made_here,
    }


def _print(found: "Powers") -> None:
    click.echo(f"{found.path}")
    click.echo(f"  powers   2^{found.logrows}{', as snarkjs has them' if found.is_ptau else ''}")
    click.echo(f"  digest   0x{found.digest.hex()}")
    click.echo(f"  sha256   {found.sha256.hex()}")
    click.echo(f"  origin   {_origin(found)}")
