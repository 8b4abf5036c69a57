// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {IClaims} from "../../src/interfaces/IClaims.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {LegRequest, LegState, OrderRequest} from "../../src/types/Order.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";

/// @notice A leg by an attestation or a claim: claims, their refutations and seals are of the chosen system alone.
contract LegChoicesTest is AttestationWorld {
    bytes32 private constant ROOT = keccak256("root");

    function setUp() public {
        setUpAttestation();
        activeKey(PROVIDER, KEY);
    }

    function test_aLegThatChoseItsClaimSettlesByTheClaimAndByNoSignature() public {
        bytes32 id = _locked(either(TEE, OPTIMISTIC));
        deliver(id, 0, OPTIMISTIC);
        bytes memory seal = teeSeal(KEY, id);
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SelectorMismatch.selector, TEE, OPTIMISTIC));
        settleTee(id, seal);
        claimWith(id, ROOT);
        vm.warp(block.timestamp + WINDOW + 1);
        settleClaim(id);
        assertState(id, 0, LegState.Settled);
    }

    function test_aLegThatChoseASignatureIsNotClaimed() public {
        bytes32 id = _locked(either(OPTIMISTIC, TEE));
        deliver(id, 0, TEE);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, id, 0));
        claimWith(id, ROOT);
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, id, 0));
        claims.prove(id, 0, "");
        bytes memory answer = outputBytes();
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SelectorMismatch.selector, OPTIMISTIC, TEE));
        vm.prank(VALIDATOR);
        market.settle(id, 0, answer, singlePath(), bytes.concat(OPTIMISTIC));
        settleTee(id, teeSeal(KEY, id));
    }

    function test_aLegThatCouldStillChooseItsClaimIsNotClaimed() public {
        bytes32 id = _locked(either(OPTIMISTIC, TEE));
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotClaimable.selector, id, 0));
        claimWith(id, ROOT);
        vm.expectPartialRevert(IClaims.ClaimNotStanding.selector);
        claims.prove(id, 0, "");
    }

    function test_anOverturnedClaimEndsTheLegThatChoseIt() public {
        bytes32 id = _locked(either(TEE, OPTIMISTIC));
        deliver(id, 0, OPTIMISTIC);
        claimWith(id, ROOT);
        challenge(RIVAL, id, ROOT);
        vm.warp(block.timestamp + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
        market.refute(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    /// @dev The attestation pays at once, the claim within its window: neither waits for the other.
    function test_twoLegsPayInTwoSteps() public {
        OrderRequest memory order = terms();
        order.legs = new LegRequest[](2);
        order.legs[0] = LegRequest(TEE, uint64(block.timestamp + 2 hours), 3_000);
        order.legs[1] = LegRequest(OPTIMISTIC, uint64(block.timestamp + 1 days), 7_000);
        bytes32 id = open(order);
        lock(id);
        deliver(id, 0);
        settleTee(id, teeSeal(KEY, id));
        uint256 first = market.creditOf(PROVIDER);
        assertTrue(first > uint256(PRICE) * 2 / 10, "part of the price");
        assertState(id, 1, LegState.Locked);
        deliver(id, 1);
        bytes memory answer = outputBytes();
        vm.prank(PROVIDER);
        claims.claim(id, 1, answer, ROOT);
        vm.warp(block.timestamp + WINDOW + 1);
        vm.prank(VALIDATOR);
        market.settle(id, 1, answer, singlePath(), bytes.concat(OPTIMISTIC));
        assertState(id, 1, LegState.Settled);
        assertTrue(market.creditOf(PROVIDER) > first + uint256(PRICE) * 5 / 10, "the rest");
    }

    function _locked(bytes16 selectors) private returns (bytes32 id) {
        OrderRequest memory order = terms();
        order.legs[0].selectors = selectors;
        id = open(order);
        lock(id);
    }
}
