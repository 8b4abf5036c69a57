// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {IAttestationKeys, SignedAnswer, Standing, Tier} from "../interfaces/IAttestationKeys.sol";
import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {CommitmentScheme} from "../types/Commitment.sol";
import {StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";

/// @title Receipts of attested workers for contracts that know no market
/// @notice Input and output are public tensor digests (scheme 1): an answer about inputs that are committed to by their
/// roots is one that no proof contradicts. The metadata are abi.encode(bytes32 program, uint8 tier):
/// the program that must have run, and the least tier of the key, never below that of this deployment. A proof is
/// abi.encode(SignedAnswer). It says which order, provider and nonce a receipt names, and whether it was shown
/// before, to nobody: a caller that pays for it looks at the statement itself.
contract ReceiptVerifier is IProofVerifier, ERC165 {
    string private constant SYSTEM = "tee/avow-v1";

    IAttestationKeys public immutable keys;
    Tier public immutable minimum;

    error TierTooLow(Tier tier, Tier minimum);

    constructor(IAttestationKeys keys_, Tier minimum_) {
        // Development keys are for the market's explicit opt-in alone.
        if (minimum_ < Tier.Registrar) revert TierTooLow(minimum_, Tier.Registrar);
        keys = keys_;
        minimum = minimum_;
    }

    /// @inheritdoc IProofVerifier
    /// @dev False for a receipt of something else; reverts where the encoding is wrong or the key does not stand.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        view
        returns (bool)
    {
        (bytes32 program, Tier least) = abi.decode(metadata, (bytes32, Tier));
        if (least < minimum) revert TierTooLow(least, minimum);
        SignedAnswer memory signed = abi.decode(proof, (SignedAnswer));
        if (!_isOf(signed, program, inputHash, outputHash)) return false;
        bytes32 digest = StatementLib.digest(signed.statement, signed.domainSeparator);
        bytes32 root = StatementTree.root(digest, signed.path);
        Standing memory found = keys.standing(0, root, signed.time, signed.signature);
        return found.program == program && found.tier >= least;
    }

    /// @inheritdoc IProofVerifier
    function proofSystem() external pure returns (string memory) {
        return SYSTEM;
    }

    /// @inheritdoc IProofVerifier
    function proofProfile() external view returns (bytes32) {
        return
            keccak256(abi.encodePacked(SYSTEM, keccak256(abi.encode(block.chainid, address(keys), minimum))));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IProofVerifier).interfaceId || super.supportsInterface(interfaceId);
    }

    function _isOf(SignedAnswer memory signed, bytes32 program, bytes32 input, bytes32 output)
        private
        pure
        returns (bool)
    {
        return keccak256(bytes(signed.statement.system)) == keccak256("tee/v1")
            && signed.statement.program == program && signed.statement.input.scheme == CommitmentScheme.PUBLIC
            && signed.statement.input.value == input
            && signed.statement.output.scheme == CommitmentScheme.PUBLIC
            && signed.statement.output.value == output;
    }
}
