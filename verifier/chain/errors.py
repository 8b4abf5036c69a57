"""Everything that the chain half refuses or reports, one tree.

ChainError
    RpcUnavailable        the node did not answer, or not in JSON-RPC
    RpcRefused            the node answered with an error that is not a revert
    WrongChain            the node is on another chain than the one that was pinned
    Reverted              a contract refused; `name` is its custom error
    TransactionPending    an earlier transaction of the account is not mined yet
    TransactionLost       a transaction was not mined in time
    InsufficientFunds     the account cannot pay for gas, or has too few tokens
    SignerRefused         a key or keystore that cannot be used here
    DeploymentRefused     a deployment file that is damaged or not of this chain
    ArtifactRefused       a contract's compiled form is missing or damaged
    AnvilUnavailable      the development chain is missing or did not start
"""


class ChainError(Exception):
    """Base of every error of this package; its text is one line for a reader outside."""


class RpcUnavailable(ChainError):
    """The node did not answer, or not in JSON-RPC; whether it did something is unknown."""


class RpcRefused(ChainError):
    """The node answered with an error that is not a contract's revert."""


class WrongChain(ChainError):
    """The node is on another chain than the one that was pinned."""


class Reverted(ChainError):
    """A contract refused. `name` is its custom error, `arguments` what it says.

    `name` is `Error` for a reason in words, `Panic` for a failed check of the compiler, and
    empty when the contract gave no data or an error that none of the known contracts declares.
    """

    def __init__(self, name: str, arguments: tuple[object, ...], what: str) -> None:
        shown = ", ".join(_shown(argument) for argument in arguments)
        detail = f"{name}({shown})" if name else (shown or "no reason given")
        super().__init__(f"{what}: the contract refused with {detail}"[:600])
        self.name = name
        self.arguments = arguments


class TransactionPending(ChainError):
    """An earlier transaction of the account is not mined yet; acting now could act twice.

    `nonce` is that transaction's, where it is known.
    """

    def __init__(self, text: str, nonce: int | None = None) -> None:
        super().__init__(text)
        self.nonce = nonce


class TransactionLost(ChainError):
    """A transaction was not mined in time; what it asked for may still happen."""


class InsufficientFunds(ChainError):
    """The account cannot pay for gas, or has too few tokens."""


class SignerRefused(ChainError):
    """A key, keystore or password that cannot be used here."""


class DeploymentRefused(ChainError):
    """A deployment file that is damaged, or whose contracts are not on this chain."""


class ArtifactRefused(ChainError):
    """A contract's compiled form is missing or damaged."""


class AnvilUnavailable(ChainError):
    """The development chain's program is missing or did not start."""


def _shown(argument: object) -> str:
    if isinstance(argument, bytes):
        return "0x" + argument.hex() if len(argument) <= 36 else f"0x{argument[:36].hex()}..."
    return str(argument)[:100]
