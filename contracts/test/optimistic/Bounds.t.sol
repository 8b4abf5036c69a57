// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {IReferee} from "../../src/interfaces/IReferee.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Players} from "../base/Players.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice Bounds that no honest party meets: each refusal here has no other test.
contract BoundsTest is DisputeWorld {
    bytes32 private _id;
    bytes32 private _claimId;

    function setUp() public {
        setUpDisputes();
    }

    function test_aTensorsFirstNodesLeadToItsRoot() public {
        (Trace memory trace,) = _until(Turn.Root);
        bytes32[][] memory levels = trace.tensors[3];
        uint256 top = levels.length - 1;
        bytes32 root = levels[top][0];
        bytes32[] memory children = ToyTrace.children(levels, top, 0);
        children[1] = keccak256("another");
        vm.expectPartialRevert(IClaims.NodeDiffers.selector);
        vm.prank(PROVIDER);
        claims.revealTensor(_claimId, RIVAL, root, children);
    }

    function test_aTensorHasAtMostAMillionChunks() public {
        (Trace memory trace, Trace memory right) = _until(Turn.Pick);
        bytes memory data = Players.answer(claims, _claimId, RIVAL, trace);
        while (bytes4(data) != IClaims.pickTensor.selector) {
            Turn turn = claims.challengeOf(_claimId, RIVAL).turn;
            data = turn == Turn.Pick
                ? Players.challenge(claims, tracedOf(_id, trace.root), RIVAL, trace, right, 0)
                : Players.answer(claims, _claimId, RIVAL, trace);
            if (bytes4(data) != IClaims.pickTensor.selector) {
                _send(turn == Turn.Pick ? RIVAL : PROVIDER, data);
            }
        }
        uint64 octets = 256 * (2 ** 20) + 1;
        bytes memory large = abi.encode(uint32(3), uint8(5), uint8(21), uint32(21), octets);
        vm.mockCall(address(referee), abi.encodeWithSelector(IReferee.depthOf.selector), large);
        vm.prank(RIVAL);
        (bool success, bytes memory reason) = address(claims).call(data);
        assertTrue(!success, "it is refused");
        assertEq(
            keccak256(reason),
            keccak256(abi.encodeWithSelector(IClaims.TreeTooLarge.selector, octets, 2 ** 20)),
            "because of its chunks"
        );
    }

    function test_thereAreAsManyVersionsOfParametersAsANumberHolds() public {
        bytes32 slot = _slotOfVersions();
        vm.store(address(claims), slot, bytes32(uint256(type(uint16).max) + 1));
        assertEq(claims.versions(), uint256(type(uint16).max) + 1, "as many as can be");
        vm.expectRevert(
            abi.encodeWithSelector(
                IClaims.ParameterOutOfBounds.selector, "version", 65_536, 0, type(uint16).max
            )
        );
        vm.prank(GOVERNOR);
        claims.setParameters(claimParameters());
    }

    /// @dev Where the length of the list of versions is stored: nothing else there makes it another one.
    function _slotOfVersions() private returns (bytes32) {
        for (uint256 slot; slot < 32; ++slot) {
            bytes32 held = vm.load(address(claims), bytes32(slot));
            if (uint256(held) != claims.versions()) continue;
            vm.store(address(claims), bytes32(slot), bytes32(uint256(7)));
            bool found = claims.versions() == 7;
            vm.store(address(claims), bytes32(slot), held);
            if (found) return bytes32(slot);
        }
        revert("no slot");
    }

    /// @dev A challenged lie in tensor 3, up to the first turn of that kind.
    function _until(Turn wanted) private returns (Trace memory trace, Trace memory right) {
        (_id, trace) = claimed(Lie.Data, 3, 39);
        (_claimId, right) = (statementRoot(_id), honest(_id));
        challenge(RIVAL, _id, trace.root);
        nextBlock();
        Turn turn = claims.challengeOf(_claimId, RIVAL).turn;
        while (turn != wanted) {
            bool picks = turn == Turn.Pick;
            bytes memory data = picks
                ? Players.challenge(claims, tracedOf(_id, trace.root), RIVAL, trace, right, 0)
                : Players.answer(claims, _claimId, RIVAL, trace);
            _send(picks ? RIVAL : PROVIDER, data);
            turn = claims.challengeOf(_claimId, RIVAL).turn;
        }
    }

    function _send(address who, bytes memory data) private {
        vm.prank(who);
        (bool success,) = address(claims).call(data);
        assertTrue(success, "a move of the game");
    }
}
