// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IBatchProofAdapter} from "../../src/interfaces/IBatchProofAdapter.sol";
import {IProofAdapter} from "../../src/interfaces/IProofAdapter.sol";
import {BatchClaim, Statement} from "../../src/types/Statement.sol";

/// @notice Accepts everything at once, so that what a settlement costs without its proof can be measured.
contract MockFreeAdapter is IProofAdapter, IBatchProofAdapter {
    function verify(bytes32, Statement calldata, bytes32, bytes calldata) external pure returns (bool) {
        return true;
    }

    function verifyBatch(bytes32, BatchClaim[] calldata, bytes32, bytes calldata)
        external
        pure
        returns (bool)
    {
        return true;
    }
}
