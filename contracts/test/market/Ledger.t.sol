// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market, MarketConfig} from "../../src/Market.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {MockTaxedToken} from "../mocks/MockTaxedToken.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Money leaves as credit pulled by, or for, its owner.
contract LedgerTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_aCreditIsPaidOutOnce() public {
        settle(openAndDeliver(terms()), 0);
        uint256 credit = market.creditOf(PROVIDER);
        uint256 before = token.balanceOf(PROVIDER);
        vm.prank(PROVIDER);
        assertEq(market.withdraw(), credit, "amount");
        assertEq(token.balanceOf(PROVIDER) - before, credit, "tokens");
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, PROVIDER));
        vm.prank(PROVIDER);
        market.withdraw();
    }

    function test_anyoneMayPushACreditToItsOwnerAndNowhereElse() public {
        settle(openAndDeliver(terms()), 0);
        uint256 credit = market.creditOf(ROYALTY);
        vm.prank(STRANGER);
        market.withdrawFor(ROYALTY);
        assertEq(token.balanceOf(ROYALTY), credit, "owner");
        assertEq(market.creditOf(ROYALTY), 0, "taken");
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, ROYALTY));
        market.withdrawFor(ROYALTY);
    }

    function test_aTokenThatKeepsAPartIsRefused() public {
        MockTaxedToken taxed = new MockTaxedToken();
        Market other = newMarket(
            MarketConfig(taxed, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            defaultParameters()
        );
        taxed.approve(address(other), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ILedger.TransferDiffers.selector, PRICE, PRICE - 1));
        other.request(terms());
    }
}
