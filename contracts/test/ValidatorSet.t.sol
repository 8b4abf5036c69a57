// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ValidatorSet} from "../src/ValidatorSet.sol";
import {IValidatorSet} from "../src/interfaces/IValidatorSet.sol";
import {MockTaxedToken} from "./mocks/MockTaxedToken.sol";
import {MarketWorld} from "./base/MarketWorld.sol";

/// @notice Staking and the rotation of duty.
contract ValidatorSetTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_joiningTakesTheStake() public {
        uint256 before = token.balanceOf(RIVAL);
        vm.prank(RIVAL);
        validators.join(1_500);
        assertEq(before - token.balanceOf(RIVAL), 1_500, "taken");
        assertEq(validators.stakeOf(RIVAL), 1_500, "stake");
        assertTrue(validators.isValidator(RIVAL), "in the rotation");
        assertEq(validators.count(), 2, "count");
    }

    function test_theStakeHasAMinimum() public {
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StakeTooLow.selector, 999, 1_000));
        vm.prank(RIVAL);
        validators.join(999);
        uint256 huge = uint256(type(uint128).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StakeTooLow.selector, huge, 1_000));
        vm.prank(RIVAL);
        validators.join(huge);
    }

    function test_oneJoinsOnceAlsoWhileUnbonding() public {
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.AlreadyValidator.selector, VALIDATOR));
        vm.prank(VALIDATOR);
        validators.join(1_000);
        vm.prank(VALIDATOR);
        validators.exit();
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.AlreadyValidator.selector, VALIDATOR));
        vm.prank(VALIDATOR);
        validators.join(1_000);
    }

    function test_aStakeComesBackAfterTheDelayNotBefore() public {
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NothingUnbonding.selector, VALIDATOR));
        vm.prank(VALIDATOR);
        validators.withdrawStake();
        vm.prank(VALIDATOR);
        validators.exit();
        assertTrue(!validators.isValidator(VALIDATOR), "out of the rotation at once");
        vm.warp(START + 1 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IValidatorSet.StillUnbonding.selector, VALIDATOR, uint64(START + 1 days))
        );
        vm.prank(VALIDATOR);
        validators.withdrawStake();
        vm.warp(START + 1 days);
        uint256 before = token.balanceOf(VALIDATOR);
        vm.prank(VALIDATOR);
        assertEq(validators.withdrawStake(), 1_000, "amount");
        assertEq(token.balanceOf(VALIDATOR) - before, 1_000, "tokens");
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NothingUnbonding.selector, VALIDATOR));
        vm.prank(VALIDATOR);
        validators.withdrawStake();
    }

    function test_onlyAMemberLeaves() public {
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NotValidator.selector, RIVAL));
        vm.prank(RIVAL);
        validators.exit();
    }

    function test_dutyGoesRoundAndSkipsTheExcluded() public {
        join(RIVAL);
        join(STRANGER);
        address[3] memory round = [VALIDATOR, RIVAL, STRANGER];
        for (uint256 turn; turn < 7; ++turn) {
            assertEq(validators.validatorAt(turn, address(0)), round[turn % 3], "turn");
        }
        assertEq(validators.validatorAt(1, RIVAL), STRANGER, "the next one");
        assertEq(validators.validatorAt(2, STRANGER), VALIDATOR, "round the end");
    }

    function test_withNobodyEligibleThereIsNoValidator() public {
        assertEq(validators.validatorAt(5, VALIDATOR), address(0), "alone and excluded");
        vm.prank(VALIDATOR);
        validators.exit();
        assertEq(validators.validatorAt(5, address(0)), address(0), "empty");
    }

    function test_leavingKeepsTheOthersInTheRotation() public {
        join(RIVAL);
        join(STRANGER);
        vm.prank(VALIDATOR);
        validators.exit();
        assertEq(validators.count(), 2, "count");
        assertEq(validators.validatorAt(0, address(0)), STRANGER, "the last took the place");
        assertEq(validators.validatorAt(1, address(0)), RIVAL, "the other stayed");
        vm.prank(STRANGER);
        validators.exit();
        vm.prank(RIVAL);
        validators.exit();
        assertEq(validators.count(), 0, "empty");
    }

    function test_theMinimumStakeIsGovernedWithinBounds() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER));
        vm.prank(STRANGER);
        validators.setMinimumStake(5);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.OutOfBounds.selector, 0, 1, 1_000_000e18));
        vm.prank(GOVERNOR);
        validators.setMinimumStake(0);
        vm.expectPartialRevert(IValidatorSet.OutOfBounds.selector);
        vm.prank(GOVERNOR);
        validators.setMinimumStake(1_000_000e18 + 1);
        vm.prank(GOVERNOR);
        validators.setMinimumStake(5);
        assertEq(validators.minimumStake(), 5, "minimum");
    }

    function test_theUnbondingDelayHasBounds() public {
        vm.expectPartialRevert(IValidatorSet.OutOfBounds.selector);
        new ValidatorSet(token, 1, 59, GOVERNOR);
        vm.expectPartialRevert(IValidatorSet.OutOfBounds.selector);
        new ValidatorSet(token, 1, 30 days + 1, GOVERNOR);
    }

    function test_aTokenThatKeepsAPartIsRefused() public {
        MockTaxedToken taxed = new MockTaxedToken();
        ValidatorSet set = newValidators(address(taxed), 1_000, 1 days, GOVERNOR);
        taxed.approve(address(set), 1_000);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.TransferDiffers.selector, 1_000, 999));
        set.join(1_000);
    }
}
