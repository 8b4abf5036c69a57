"""`avow model sign`: the owner's signature under a system record."""

from pathlib import Path

import click

from avow.api.cli.signing import key_options


@click.command()
@click.argument("artifact", metavar="ARTIFACT", type=click.Path(path_type=Path))
@key_options
def sign(artifact: Path, keystore: Path | None, password_file: Path | None) -> None:
    """Sign the system record of ARTIFACT (a folder, or the record's digest) as the model's owner.

    The signature goes into the artifact, and from then on into every bundle proven with it, where
    it vouches for the whole record: fidelity and cost included. Registering the record on a chain
    does the same for who reads that chain.
    """
    from avow.api.cli.signing import open_signer
    from avow.circuits.artifact import find_artifact, write_signature
    from avow.circuits.errors import CircuitError
    from avow.prover.config import from_environment
    from avow.verifier.signature import recover

    config = from_environment()
    found = find_artifact(str(artifact), config.artifacts)
    signer = open_signer(config, keystore, password_file)
    owner = found.model.owner
    if signer.address != owner:
        raise CircuitError(
            f"the model's owner is 0x{owner.hex()}, expected its key, got that of {signer.shown}"
        )
    digest = found.record.digest()
    signature = signer.sign_digest(digest)
    if recover(digest, signature) != owner:
        raise CircuitError("the signature does not recover to the owner: nothing was written")
    write_signature(found.folder, signature)
    click.echo(f"signed record 0x{digest.hex()} as {signer.shown}")
