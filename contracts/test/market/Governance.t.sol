// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {MarketConfig} from "../../src/Market.sol";
import {Timelock} from "../../src/governance/Timelock.sol";
import {MarketGovernance} from "../../src/market/MarketGovernance.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Governance moves parameters within bounds, for new orders only.
contract GovernanceTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_onlyTheOwnerGoverns() public {
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN);
        MarketParameters memory wanted = defaultParameters();
        vm.startPrank(GUARDIAN);
        vm.expectRevert(expected);
        market.setParameters(wanted);
        vm.expectRevert(expected);
        market.setTreasury(STRANGER);
        vm.expectRevert(expected);
        market.setGuardian(STRANGER);
        vm.stopPrank();
    }

    function test_everyParameterHasBothBounds() public {
        MarketParameters memory p = defaultParameters();
        p.validatorBps = 1_501;
        _refused(p, "validatorBps", 1_501, 0, 1_500);
        p = defaultParameters();
        p.treasuryBps = 1_001;
        _refused(p, "treasuryBps", 1_001, 0, 1_000);
        p = defaultParameters();
        p.maximumRoyaltyBps = 2_501;
        _refused(p, "maximumRoyaltyBps", 2_501, 0, 2_500);
        p = defaultParameters();
        p.compensationBps = 10_001;
        _refused(p, "compensationBps", 10_001, 0, 10_000);
        p = defaultParameters();
        p.minimumBondBps = 10_001;
        _refused(p, "minimumBondBps", 10_001, 0, 10_000);
        p = defaultParameters();
        p.gracePeriod = 9;
        _refused(p, "gracePeriod", 9, 10, 1 days);
        p.gracePeriod = 1 days + 1;
        _refused(p, "gracePeriod", 1 days + 1, 10, 1 days);
        p = defaultParameters();
        p.settlementWindow = 20 minutes - 1;
        _refused(p, "settlementWindow", 20 minutes - 1, 20 minutes, 7 days);
        p.settlementWindow = 7 days + 1;
        _refused(p, "settlementWindow", 7 days + 1, 20 minutes, 7 days);
        p = defaultParameters();
        p.releaseWindow = 1 days + 1;
        _refused(p, "releaseWindow", 1 days + 1, 0, 1 days);
        p = defaultParameters();
        p.maximumDuration = 10 minutes - 1;
        _refused(p, "maximumDuration", 10 minutes - 1, 10 minutes, 90 days);
        p.maximumDuration = 90 days + 1;
        _refused(p, "maximumDuration", 90 days + 1, 10 minutes, 90 days);
        p = defaultParameters();
        p.callbackGasCap = 49_999;
        _refused(p, "callbackGasCap", 49_999, 50_000, 2_000_000);
        p.callbackGasCap = 2_000_001;
        _refused(p, "callbackGasCap", 2_000_001, 50_000, 2_000_000);
    }

    function test_theHighestSharesLeaveTheProviderHalf() public {
        MarketParameters memory p = defaultParameters();
        (p.validatorBps, p.treasuryBps, p.maximumRoyaltyBps) = (1_500, 1_000, 2_500);
        vm.prank(GOVERNOR);
        market.setParameters(p);
        assertEq(uint256(p.validatorBps) + p.treasuryBps + p.maximumRoyaltyBps, 5_000, "half of the price");
    }

    function test_ordersKeepTheTermsOfTheirMoment() public {
        bytes32 id = openAndDeliver(terms());
        MarketParameters memory p = defaultParameters();
        (p.validatorBps, p.treasuryBps, p.gracePeriod, p.settlementWindow) = (0, 1_000, 10, 20);
        vm.prank(GOVERNOR);
        market.setParameters(p);
        vm.warp(START + 10 minutes);
        settle(id, 0);
        assertEq(market.creditOf(VALIDATOR), uint256(PRICE) * 700 / 10_000, "the old share");
        assertEq(market.creditOf(TREASURY), uint256(PRICE) * 300 / 10_000, "the old share");
    }

    function test_theTreasuryIsNeverNobody() public {
        vm.expectRevert(MarketGovernance.TreasuryMissing.selector);
        vm.prank(GOVERNOR);
        market.setTreasury(address(0));
        vm.prank(GOVERNOR);
        market.setTreasury(STRANGER);
        assertEq(market.treasury(), STRANGER, "treasury");
    }

    function test_aMarketWithBadParametersIsNotDeployed() public {
        MarketParameters memory p = defaultParameters();
        p.gracePeriod = 0;
        MarketConfig memory config =
            MarketConfig(token, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY);
        (bool success,) = address(this).call(abi.encodeCall(this.deployMarket, (config, p)));
        assertTrue(!success, "refused");
        (success,) = address(this).call(abi.encodeCall(this.deployMarket, (config, defaultParameters())));
        assertTrue(success, "deployed");
    }

    function deployMarket(MarketConfig calldata config, MarketParameters calldata p) external {
        newMarket(config, p);
    }

    function test_theGuardianOnlyStopsAndResumesNewOrders() public {
        vm.expectRevert(abi.encodeWithSelector(MarketGovernance.NotGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        market.pause();
        vm.expectRevert(MarketGovernance.NotPaused.selector);
        vm.prank(GUARDIAN);
        market.resume();
        vm.prank(GOVERNOR);
        market.pause();
        vm.expectRevert(MarketGovernance.NewOrdersArePaused.selector);
        vm.prank(GUARDIAN);
        market.pause();
        vm.expectRevert(abi.encodeWithSelector(MarketGovernance.NotGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        market.resume();
        vm.prank(GOVERNOR);
        market.setGuardian(STRANGER);
        vm.prank(STRANGER);
        market.resume();
        assertTrue(!market.paused(), "resumed");
    }

    function test_aTimelockOwnsAndWaits() public {
        address[] memory people = new address[](1);
        people[0] = STRANGER;
        Timelock timelock = newTimelock(2 days, people, people);
        vm.prank(GOVERNOR);
        market.transferOwnership(address(timelock));
        bytes memory accept = abi.encodeCall(market.acceptOwnership, ());
        vm.startPrank(STRANGER);
        timelock.schedule(address(market), 0, accept, 0, 0, 2 days);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(market), 0, accept, 0, 0);
        vm.warp(START + 2 days);
        timelock.execute(address(market), 0, accept, 0, 0);
        vm.stopPrank();
        assertEq(market.owner(), address(timelock), "owner");
    }

    function _refused(
        MarketParameters memory p,
        string memory name,
        uint256 value,
        uint256 minimum,
        uint256 maximum
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.ParameterOutOfBounds.selector, name, value, minimum, maximum)
        );
        vm.prank(GOVERNOR);
        market.setParameters(p);
    }
}
