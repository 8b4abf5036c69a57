"""The time of a development chain, which anybody may move."""

from dataclasses import dataclass

from web3.types import RPCEndpoint

from avow.verifier.chain.client import Chain


@dataclass(frozen=True, slots=True)
class Clock:
    """Moves a development chain on; real chains do not know these calls."""

    chain: Chain

    def mine(self) -> None:
        """An empty block."""
        self._call("anvil_mine", "0x1")

    def pass_time(self, seconds: int) -> None:
        """Let so many seconds pass at once, and a block be made after them."""
        self._call("evm_increaseTime", hex(seconds))
        self.mine()

    def pass_until(self, moment: int) -> None:
        """Let time pass until a block's time is after `moment` (Unix seconds)."""
        left = moment - self.chain.head().timestamp + 1
        if left > 0:
            self.pass_time(left)

    def _call(self, method: str, parameter: str) -> None:
        with self.chain.speaking(method):
            provider = self.chain.w3.provider
            answer = provider.make_request(RPCEndpoint(method), [parameter])
            if "error" in answer:
                raise ValueError(answer["error"])
