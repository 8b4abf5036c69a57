// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {Statement} from "../../src/types/Statement.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Reverts with one byte more than is copied; a megabyte would only use up its gas.
contract Talker {
    fallback() external {
        assembly ("memory-safe") {
            revert(0, 133)
        }
    }
}

/// @notice What a stranger's contract says of its failure is cut to 132 bytes.
contract LongReasonsTest is MarketWorld {
    address private _talker;

    function setUp() public {
        setUpWorld();
        _talker = address(new Talker());
    }

    function test_aLongReasonOfACallbackIsCut() public {
        bytes32 id = openAndDeliver(callbackTerms(_talker, 100_000));
        bytes memory seal = sealFor(id, 0);
        bytes memory answer = outputBytes();
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.CallbackFailed(id, 0, _talker, _cut());
        vm.prank(VALIDATOR);
        market.settle(id, 0, answer, singlePath(), seal);
    }

    function test_aLongReasonOfAnAdapterIsCut() public {
        vm.prank(GOVERNOR);
        router.addEntry(RouterEntryConfig("talk/v1", _talker, _talker.codehash, 0, 100_000));
        Statement memory statement;
        statement.system = "talk/v1";
        (bool accepted, bytes memory reason) =
            router.verify(0, statement, 0, abi.encodePacked(bytes4(keccak256("talk/v1"))));
        assertTrue(!accepted, "refused");
        assertEq(reason.length, 132, "cut");
    }

    /// @dev The first 132 bytes of a fresh contract's memory: its free memory pointer may stand in it.
    function _cut() private view returns (bytes memory reason) {
        (bool success, bytes memory whole) = _talker.staticcall("");
        assertTrue(!success, "the talker refuses");
        reason = new bytes(132);
        for (uint256 i; i < 132; ++i) {
            reason[i] = whole[i];
        }
    }
}
