// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Stands in for an ezkl-written verifier in unit tests: a "proof" is the hash of the instances and
/// proves nothing. Like the real one it answers true or reverts without data.
contract MockHalo2Verifier {
    function verifyProof(bytes calldata proof, uint256[] calldata instances) external pure returns (bool) {
        bool valid = keccak256(proof) == keccak256(proofOf(instances));
        assembly ("memory-safe") {
            if iszero(valid) { revert(0, 0) }
        }
        return true;
    }

    function proofOf(uint256[] calldata instances) public pure returns (bytes memory) {
        return abi.encodePacked(keccak256(abi.encodePacked(instances)), bytes3("mok"));
    }
}

/// @notice Verifiers that answer something other than true.
contract MockOddVerifier {
    uint256 private immutable _mode;

    constructor(uint256 mode) {
        _mode = mode;
    }

    fallback() external {
        uint256 mode = _mode;
        assembly ("memory-safe") {
            switch mode
            // false
            case 0 {
                mstore(0, 0)
                return(0, 32)
            }
            // a word that is not one
            case 1 {
                mstore(0, 2)
                return(0, 32)
            }
            // two words
            case 2 {
                mstore(0, 1)
                mstore(32, 1)
                return(0, 64)
            }
            // nothing
            case 3 { return(0, 0) }
            // 31 bytes
            case 4 {
                mstore(0, 1)
                return(0, 31)
            }
            // a megabyte
            case 5 { return(0, 1000000) }
            // a megabyte in a revert
            case 6 { revert(0, 1000000) }
            // all gas
            default { invalid() }
        }
    }
}
