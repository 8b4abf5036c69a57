// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {MarketConfig} from "../../src/Market.sol";
import {Enrolment} from "../../src/interfaces/IAttestationKeys.sol";
import {IClaims} from "../../src/interfaces/IClaims.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {Intruder, OddToken} from "../optimistic/HostileTokens.t.sol";

/// @notice No oddity of the token makes a stake or a bond smaller than it is, or pays anybody twice.
contract AttestationTokensTest is AttestationWorld {
    OddToken private _odd;

    function setUp() public {
        setUpAttestation();
        _odd = new OddToken();
        market = newMarket(
            MarketConfig(IERC20(address(_odd)), registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            longParameters()
        );
        keys = newAttestationKeys(market, router, claims, GOVERNOR, GUARDIAN, attestationParameters());
        assertTrue(_odd.transfer(PROVIDER, 1e20), "transfer");
        vm.prank(PROVIDER);
        _odd.approve(address(keys), type(uint256).max);
    }

    function test_aStakeThatArrivesShortIsRefused() public {
        _odd.tax(address(keys));
        Enrolment memory enrolment = enrolmentOf(PROVIDER, KEY);
        bytes memory signature = signed(KEY, registrationWords(enrolment, PROVIDER, 0, ""));
        vm.expectRevert(abi.encodeWithSelector(ILedger.TransferDiffers.selector, STAKE, STAKE - 1));
        vm.prank(PROVIDER);
        keys.registerSimulated(enrolment, signature);
        vm.prank(GOVERNOR);
        keys.appoint(PROVIDER);
        vm.expectRevert(abi.encodeWithSelector(ILedger.TransferDiffers.selector, 100, 99));
        vm.prank(PROVIDER);
        keys.bond(100);
    }

    function test_whoIsToldOfItsTransferGetsInNoSecondTime() public {
        registerSimulated(PROVIDER, KEY);
        registerSimulated(PROVIDER, KEY + 1);
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        vm.warp(block.timestamp + NOTICE + 40 days);
        keys.releaseStake(enclave);
        Intruder intruder = new Intruder(IClaims(address(keys)));
        intruder.prepare(abi.encodeCall(ILedger.withdraw, ()));
        intruder.prepare(abi.encodeCall(ILedger.withdrawFor, (PROVIDER)));
        intruder.prepare(abi.encodeCall(keys.releaseStake, (vm.addr(KEY + 1))));
        intruder.prepare(abi.encodeCall(keys.releaseBond, ()));
        _odd.tell(address(intruder));
        vm.prank(PROVIDER);
        assertEq(keys.withdraw(), STAKE, "paid once");
        assertEq(intruder.tried(), 4, "tried while the credit moved");
        assertEq(intruder.entered(), 0, "entered");
    }
}
