// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ProofRouter} from "../src/ProofRouter.sol";
import {IProofRouter, RouterEntryConfig, RouterEntryState} from "../src/interfaces/IProofRouter.sol";
import {BoundedCall} from "../src/types/BoundedCall.sol";
import {BatchClaim, Statement} from "../src/types/Statement.sol";
import {MarketWorld} from "./base/MarketWorld.sol";
import {MockOddVerifier} from "./mocks/MockHalo2Verifier.sol";

/// @notice Nothing that goes wrong in an adapter is ever a pass.
contract ProofRouterTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_everyOddAnswerIsARefusal() public {
        for (uint256 mode; mode < 8; ++mode) {
            string memory system = string.concat("odd/", vm.toString(mode));
            address odd = address(new MockOddVerifier(mode));
            _add(RouterEntryConfig(system, odd, odd.codehash, 0, 200_000));
            uint256 before = gasleft();
            (bool accepted, bytes memory reason) =
                router.verify(0, _statement(system), 0, abi.encodePacked(bytes4(keccak256(bytes(system)))));
            assertTrue(!accepted, system);
            assertAtMost(reason.length, 132, "bounded reason");
            assertAtMost(before - gasleft(), 400_000, "bounded gas");
        }
    }

    function test_everyOddAnswerToABatchIsARefusal() public {
        for (uint256 mode; mode < 8; ++mode) {
            string memory system = string.concat("odd/", vm.toString(mode));
            address odd = address(new MockOddVerifier(mode));
            _add(RouterEntryConfig(system, odd, odd.codehash, 0, 200_000));
            uint256 before = gasleft();
            (bool accepted, bytes memory reason) = router.verifyBatch(
                0, _claims(system, 2), 0, abi.encodePacked(bytes4(keccak256(bytes(system))))
            );
            assertTrue(!accepted, system);
            assertAtMost(reason.length, 132, "bounded reason");
            assertAtMost(before - gasleft(), 700_000, "bounded gas");
        }
    }

    function test_aBatchIsCheckedAsASingleSealIs() public {
        address yes = address(new MockAgreeingAdapter());
        _add(RouterEntryConfig("yes/v1", yes, yes.codehash, 0, 200_000));
        bytes4 selector = bytes4(keccak256("yes/v1"));
        bytes memory seal = abi.encodePacked(selector);
        BatchClaim[] memory claims = _claims("yes/v1", 3);
        (bool accepted,) = router.verifyBatch(0, claims, 0, seal);
        assertTrue(accepted, "accepted");

        vm.expectRevert(IProofRouter.NoClaims.selector);
        router.verifyBatch(0, new BatchClaim[](0), 0, seal);
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SealTooShort.selector, 3));
        router.verifyBatch(0, claims, 0, hex"919282");
        claims[2].statement.system = "ezkl/v1";
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SelectorMismatch.selector, selector, EZKL));
        router.verifyBatch(0, claims, 0, seal);
        claims = _claims("yes/v1", 1);
        vm.prank(GUARDIAN);
        router.pause();
        vm.expectRevert(IProofRouter.VerificationIsPaused.selector);
        router.verifyBatch(0, claims, 0, seal);
        vm.prank(GUARDIAN);
        router.resume();
        bytes memory code = yes.code;
        vm.etch(yes, bytes.concat(code, hex"00"));
        vm.expectPartialRevert(IProofRouter.ImplementationCodeDiffers.selector);
        router.verifyBatch(0, claims, 0, seal);
        vm.etch(yes, code);
        vm.prank(GOVERNOR);
        router.tombstoneEntry(selector);
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.EntryRetired.selector, selector));
        router.verifyBatch(0, claims, 0, seal);
    }

    function test_aBatchGetsTheEntrysGasForEachClaimAndNoMoreThanTheHighestCap() public {
        address measuring = address(new MockMeasuringAdapter());
        _add(RouterEntryConfig("measure/v1", measuring, measuring.codehash, 0, 3_000_000));
        uint256[4] memory expected = [uint256(3_000_000), 6_000_000, 9_000_000, 10_000_000];
        for (uint256 i; i < 4; ++i) {
            BatchClaim[] memory claims = _claims("measure/v1", i + 1);
            bytes memory seal = abi.encodePacked(bytes4(keccak256("measure/v1")));
            (, bytes memory reason) = router.verifyBatch(0, claims, 0, seal);
            uint256 given = abi.decode(reason, (uint256));
            assertAtMost(given, expected[i], "at most");
            assertAtMost(expected[i] - given, 5_000, "all of it");
            vm.expectPartialRevert(BoundedCall.GasTooLow.selector);
            router.verifyBatch{gas: expected[i]}(0, claims, 0, seal);
        }
    }

    function test_exactlyTrueIsAPass() public {
        address yes = address(new MockAgreeingAdapter());
        _add(RouterEntryConfig("yes/v1", yes, yes.codehash, 0, 200_000));
        (bool accepted,) =
            router.verify(0, _statement("yes/v1"), 0, abi.encodePacked(bytes4(keccak256("yes/v1"))));
        assertTrue(accepted, "accepted");
    }

    function test_codeThatChangedIsRefused() public {
        address yes = address(new MockAgreeingAdapter());
        bytes32 pinned = yes.codehash;
        _add(RouterEntryConfig("yes/v1", yes, pinned, 0, 200_000));
        vm.etch(yes, bytes.concat(yes.code, hex"00"));
        Statement memory statement = _statement("yes/v1");
        vm.expectRevert(
            abi.encodeWithSelector(IProofRouter.ImplementationCodeDiffers.selector, yes, pinned, yes.codehash)
        );
        router.verify(0, statement, 0, abi.encodePacked(bytes4(keccak256("yes/v1"))));
        vm.etch(yes, "");
        vm.expectPartialRevert(IProofRouter.ImplementationCodeDiffers.selector);
        router.verify(0, statement, 0, abi.encodePacked(bytes4(keccak256("yes/v1"))));
    }

    function test_theSealsSelectorMustBeTheStatementsSystem() public {
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SelectorMismatch.selector, OTHER, EZKL));
        router.verify(modelKey, _statement("ezkl/v1"), 0, abi.encodePacked(OTHER));
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SealTooShort.selector, 3));
        router.verify(modelKey, _statement("ezkl/v1"), 0, hex"919282");
    }

    function test_anUnknownSelectorIsRefused() public {
        bytes4 selector = bytes4(keccak256("none/v1"));
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.EntryUnknown.selector, selector));
        router.verify(modelKey, _statement("none/v1"), 0, abi.encodePacked(selector));
    }

    function test_aTombstonedSelectorIsNeverUsedAgain() public {
        vm.prank(GOVERNOR);
        router.tombstoneEntry(EZKL);
        assertEq(uint256(router.entryOf(EZKL).state), uint256(RouterEntryState.Tombstoned), "tombstoned");
        assertEq(router.entryOf(EZKL).tombstonedAt, START, "time");
        assertTrue(!router.isActive(EZKL), "inactive");
        bytes memory retired = abi.encodeWithSelector(IProofRouter.EntryRetired.selector, EZKL);
        vm.expectRevert(retired);
        router.verify(modelKey, _statement("ezkl/v1"), 0, abi.encodePacked(EZKL));
        RouterEntryConfig memory again = entryConfig("ezkl/v1");
        vm.expectRevert(retired);
        vm.prank(GOVERNOR);
        router.addEntry(again);
        vm.expectRevert(retired);
        vm.prank(GOVERNOR);
        router.tombstoneEntry(EZKL);
        vm.expectPartialRevert(IProofRouter.EntryUnknown.selector);
        vm.prank(GOVERNOR);
        router.tombstoneEntry(0x01020304);
    }

    function test_anEntryIsNeverReplaced() public {
        RouterEntryConfig memory again = entryConfig("ezkl/v1");
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.EntryTaken.selector, EZKL));
        vm.prank(GOVERNOR);
        router.addEntry(again);
    }

    function test_entriesThatCannotBePinnedAreRefused() public {
        RouterEntryConfig memory bad = entryConfig("new/v1");
        bad.gasCap = 49_999;
        _refused(
            bad, abi.encodeWithSelector(IProofRouter.GasCapOutOfBounds.selector, 49_999, 50_000, 10_000_000)
        );
        bad.gasCap = 10_000_001;
        _refused(
            bad,
            abi.encodeWithSelector(IProofRouter.GasCapOutOfBounds.selector, 10_000_001, 50_000, 10_000_000)
        );
        bad = entryConfig("new/v1");
        bad.codehash = keccak256("other code");
        _refused(
            bad,
            abi.encodeWithSelector(
                IProofRouter.ImplementationCodeDiffers.selector,
                address(adapter),
                keccak256("other code"),
                address(adapter).codehash
            )
        );
        bad.implementation = STRANGER;
        bad.codehash = STRANGER.codehash;
        _refused(bad, abi.encodeWithSelector(IProofRouter.ImplementationWithoutCode.selector, STRANGER));
    }

    function test_aCallerCannotStarveTheAdapter() public {
        Statement memory statement = _statement("ezkl/v1");
        vm.expectPartialRevert(BoundedCall.GasTooLow.selector);
        router.verify{gas: 2_900_000}(modelKey, statement, 0, abi.encodePacked(EZKL));
    }

    function test_onlyTheOwnerChangesEntries() public {
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN);
        RouterEntryConfig memory config = entryConfig("new/v1");
        vm.expectRevert(expected);
        vm.prank(GUARDIAN);
        router.addEntry(config);
        vm.expectRevert(expected);
        vm.prank(GUARDIAN);
        router.tombstoneEntry(EZKL);
        vm.expectRevert(expected);
        vm.prank(GUARDIAN);
        router.setGuardian(STRANGER);
    }

    function test_theGuardianOnlyStopsAndResumes() public {
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.NotGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        router.pause();
        vm.expectRevert(IProofRouter.NotPaused.selector);
        vm.prank(GUARDIAN);
        router.resume();
        vm.prank(GUARDIAN);
        router.pause();
        assertTrue(!router.isActive(EZKL), "inactive");
        vm.expectRevert(IProofRouter.VerificationIsPaused.selector);
        router.verify(modelKey, _statement("ezkl/v1"), 0, abi.encodePacked(EZKL));
        vm.expectRevert(IProofRouter.VerificationIsPaused.selector);
        vm.prank(GUARDIAN);
        router.pause();
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.NotGuardian.selector, STRANGER));
        vm.prank(STRANGER);
        router.resume();
        vm.prank(GOVERNOR);
        router.resume();
        assertTrue(router.isActive(EZKL), "active");
    }

    function test_anotherGuardianTakesOver() public {
        vm.prank(GOVERNOR);
        router.setGuardian(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.NotGuardian.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        router.pause();
        vm.prank(STRANGER);
        router.pause();
    }

    function test_interruptionsAreRemembered() public {
        assertTrue(!router.interruptedSince(EZKL, uint64(START)), "never stopped");
        vm.prank(GUARDIAN);
        router.pause();
        assertTrue(router.interruptedSince(EZKL, uint64(START + 99)), "stopped now");
        vm.warp(START + 10);
        vm.prank(GUARDIAN);
        router.resume();
        assertTrue(router.interruptedSince(EZKL, uint64(START + 10)), "until the tenth second");
        assertTrue(!router.interruptedSince(EZKL, uint64(START + 11)), "not after it");
        assertTrue(router.interruptedSince(0x01020304, uint64(START + 11)), "what is unknown never works");
    }

    function _add(RouterEntryConfig memory config) private {
        vm.prank(GOVERNOR);
        router.addEntry(config);
    }

    function _refused(RouterEntryConfig memory config, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(GOVERNOR);
        router.addEntry(config);
        RouterEntryConfig[] memory entries = new RouterEntryConfig[](1);
        entries[0] = config;
        vm.expectRevert(expected);
        new ProofRouter(GOVERNOR, GUARDIAN, entries);
    }

    function _claims(string memory system, uint256 count) private pure returns (BatchClaim[] memory claims) {
        claims = new BatchClaim[](count);
        for (uint256 i; i < count; ++i) {
            claims[i].statement.system = system;
        }
    }

    function _statement(string memory system) private pure returns (Statement memory statement) {
        statement.system = system;
    }
}

/// @notice Reverts with the gas that it was given.
contract MockMeasuringAdapter {
    fallback() external {
        assembly ("memory-safe") {
            mstore(0, gas())
            revert(0, 32)
        }
    }
}

/// @notice Says yes to everything.
contract MockAgreeingAdapter {
    fallback() external {
        assembly ("memory-safe") {
            mstore(0, 1)
            return(0, 32)
        }
    }
}
