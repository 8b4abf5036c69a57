// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Whether a proof shows that an input gave an output, as the draft ERC-8274 asks it
/// @notice The draft may still change (ethereum/ERCs, pull request 1771).
interface IProofVerifier {
    /// @param inputHash commitment to the input, of the scheme that the implementation documents.
    /// @param outputHash commitment to the output.
    /// @param metadata what is the same for every inference of a deployment.
    /// @param proof what belongs to this inference.
    function verify(bytes32 inputHash, bytes32 outputHash, bytes calldata metadata, bytes calldata proof)
        external
        returns (bool);

    /// @notice "{paradigm}/{variant}".
    function proofSystem() external view returns (string memory);

    /// @notice Tells deployments of one system apart.
    function proofProfile() external view returns (bytes32);
}
