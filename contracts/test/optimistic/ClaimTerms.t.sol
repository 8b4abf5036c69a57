// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ClaimParameters, IClaims, ModelClaimTerms} from "../../src/interfaces/IClaims.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Lie} from "./ToyTrace.sol";

/// @notice Who sets terms, within which bounds, and that they reach no order that is requested.
contract ClaimTermsTest is DisputeWorld {
    function setUp() public {
        setUpDisputes();
    }

    function test_everyParameterHasItsBounds() public {
        string[6] memory names = ["claimBond", "challengeBond", "clock", "extension", "window", "margin"];
        uint256[6] memory low = [uint256(2), 1, 5 minutes, 1 minutes, 2 * CLOCK, 5 minutes];
        uint256[6] memory high = [uint256(type(uint96).max), REWARD, 1 days, 1 hours, 3 days, 1 days];
        for (uint256 i; i < 6; ++i) {
            // The least claim bond allows a challenge bond of one.
            uint256 other = i == 0 ? 1 : CHALLENGE_BOND;
            _set(_with(i, low[i], other));
            if (i != 0) _set(_with(i, high[i], other));
            _refused(_with(i, low[i] - 1, other), names[i], low[i] - 1, low[i], high[i]);
            if (i != 0) _refused(_with(i, high[i] + 1, other), names[i], high[i] + 1, low[i], high[i]);
        }
        assertEq(claims.versions(), 12, "set eleven times");
    }

    function test_onlyTheOwnerSetsParameters() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        claims.setParameters(claimParameters());
    }

    function test_onlyAModelsOwnerSetsItsTermsWithinBounds() public {
        vm.expectRevert(abi.encodeWithSelector(IClaims.NotModelOwner.selector, modelKey, GOVERNOR));
        vm.prank(GOVERNOR);
        claims.setModelTerms(modelKey, ModelClaimTerms(1 hours, false));
        uint32[2] memory outside = [uint32(10 minutes - 1), 3 days + 1];
        for (uint256 i; i < 2; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IClaims.ParameterOutOfBounds.selector, "window", outside[i], 10 minutes, 3 days
                )
            );
            vm.prank(OWNER);
            claims.setModelTerms(modelKey, ModelClaimTerms(outside[i], false));
        }
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(10 minutes, true));
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(3 days, false));
    }

    function test_termsHoldForOrdersRequestedAfterTheNotice() public {
        ClaimParameters memory changed = claimParameters();
        changed.claimBond = 7_000_000;
        changed.window = 3 hours;
        _set(changed);
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(150 minutes, true));
        _assertTerms(START + 10 minutes, CLAIM_BOND, 2 hours, false, 0);
        _assertTerms(START + 10 minutes + 1, 7_000_000, 150 minutes, true, 1);
        vm.warp(START + 1 hours);
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(0, false));
        _assertTerms(START + 70 minutes, 7_000_000, 150 minutes, true, 1);
        _assertTerms(START + 70 minutes + 1, 7_000_000, 3 hours, false, 1);
    }

    /// @dev Also one that is locked, and locked again, when others have long been in force.
    function test_anOrderKeepsTheTermsOfItsRequest() public {
        bytes32 id = open(optimisticTerms());
        ClaimParameters memory changed = claimParameters();
        changed.claimBond = 7_000_000;
        changed.window = 3 days;
        _set(changed);
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(3 days, false));
        vm.warp(START + 1 hours);
        lock(id);
        deliver(id, 0);
        claimWith(id, keccak256("root"));
        assertEq(claims.claimOf(statementRoot(id)).windowEnd, START + 1 hours + WINDOW, "window");
        assertEq(token.balanceOf(address(claims)), CLAIM_BOND, "bond");
    }

    /// @dev What a clock must outlast, a window must outlast too, whoever sets which of them.
    function test_noWindowIsShorterThanTwoClocks() public {
        vm.prank(OWNER);
        claims.setModelTerms(modelKey, ModelClaimTerms(10 minutes, false));
        _assertTerms(START + 1 hours, CLAIM_BOND, 2 * CLOCK, false, 0);
        ClaimParameters memory changed = claimParameters();
        (changed.clock, changed.window) = (5 minutes, 10 minutes - 1);
        _refused(changed, "window", 10 minutes - 1, 10 minutes, 3 days);
        changed.window = 10 minutes;
        _set(changed);
        _assertTerms(START + 1 hours, CLAIM_BOND, 10 minutes, false, 1);
        (changed.clock, changed.window) = (1 days, 2 days);
        _set(changed);
        _assertTerms(START + 1 hours, CLAIM_BOND, 2 days, false, 2);
    }

    /// @dev What a claim keeps decides its dispute, too.
    function test_aClaimEndsWithTheBondsThatWerePaid() public {
        (bytes32 id,) = claimed(Lie.None, 0, 0);
        ClaimParameters memory changed = claimParameters();
        (changed.claimBond, changed.challengeBond, changed.clock) = (7_000_000, 1, 5 minutes);
        _set(changed);
        vm.warp(START + 1 hours);
        challenge(RIVAL, id, honest(id).root);
        vm.warp(START + 1 hours + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
        assertEq(claims.creditOf(RIVAL), REWARD + CHALLENGE_BOND, "as paid in");
        assertEq(token.balanceOf(address(claims)), uint256(CLAIM_BOND) + CHALLENGE_BOND, "nothing of others");
    }

    /// @dev An owner who sets terms again and again cannot make a locked order's claim too dear.
    function test_manyChangesCostAClaimLittle() public {
        bytes32 id = open(optimisticTerms());
        lock(id);
        for (uint256 i; i < 500; ++i) {
            vm.warp(START + i);
            vm.prank(OWNER);
            claims.setModelTerms(modelKey, ModelClaimTerms(3 days, false));
        }
        deliver(id, 0);
        uint256 gas = gasleft();
        claimWith(id, keccak256("root"));
        assertAtMost(gas - gasleft(), 400_000, "gas");
    }

    function _set(ClaimParameters memory parameters) private {
        vm.prank(GOVERNOR);
        claims.setParameters(parameters);
    }

    function _with(uint256 field, uint256 value, uint256 challengeBond)
        private
        pure
        returns (ClaimParameters memory parameters)
    {
        parameters = claimParameters();
        parameters.challengeBond = uint96(challengeBond);
        if (field == 0) parameters.claimBond = uint96(value);
        else if (field == 1) parameters.challengeBond = uint96(value);
        else if (field == 2) (parameters.clock, parameters.window) = (uint32(value), 3 days);
        else if (field == 3) parameters.extension = uint32(value);
        else if (field == 4) parameters.window = uint32(value);
        else parameters.margin = uint32(value);
    }

    function _refused(
        ClaimParameters memory parameters,
        string memory name,
        uint256 value,
        uint256 low,
        uint256 high
    ) private {
        vm.expectRevert(abi.encodeWithSelector(IClaims.ParameterOutOfBounds.selector, name, value, low, high));
        vm.prank(GOVERNOR);
        claims.setParameters(parameters);
    }

    function _assertTerms(uint256 lockedAt, uint256 bond, uint256 window, bool lazy, uint256 version)
        private
        view
    {
        (ClaimParameters memory found, bool foundLazy, uint16 foundVersion) =
            claims.termsAt(modelKey, uint64(lockedAt));
        assertEq(found.claimBond, bond, "bond");
        assertEq(found.window, window, "window");
        assertTrue(foundLazy == lazy, "lazy");
        assertEq(foundVersion, version, "version");
    }
}
