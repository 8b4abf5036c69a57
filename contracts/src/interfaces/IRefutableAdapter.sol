// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Statement} from "../types/Statement.sol";

/// @title The on-chain half of a system whose claims can be shown to be wrong
interface IRefutableAdapter {
    /// @notice Whether the statement was claimed and shown to be wrong. Once true, it stays true.
    function refuted(bytes32 modelKey, Statement calldata statement) external view returns (bool);
}
