// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {Commitment} from "../../src/types/Commitment.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Delivery, proof, payment.
contract SettlementTest is MarketWorld {
    bytes32 private _order;

    function setUp() public {
        setUpWorld();
        _order = openAndDeliver(terms());
    }

    function test_aProvenAnswerPaysEverybodyTheirShareAndReturnsTheBond() public {
        settle(_order, 0);
        assertState(_order, 0, LegState.Settled);
        uint256 duty = uint256(PRICE) * 700 / 10_000;
        uint256 royalty = uint256(PRICE) * 500 / 10_000;
        uint256 toTreasury = uint256(PRICE) * 300 / 10_000;
        assertEq(market.creditOf(VALIDATOR), duty, "validator");
        assertEq(market.creditOf(ROYALTY), royalty, "royalty");
        assertEq(market.creditOf(TREASURY), toTreasury, "treasury");
        assertEq(market.creditOf(PROVIDER), PRICE - duty - royalty - toTreasury + BOND, "provider");
        assertEq(market.creditOf(REQUESTER), 0, "requester");
    }

    function test_inTheGracePeriodOnlyTheAssignedValidatorSettles() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        vm.warp(START + 10 minutes);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.NotAssignedValidator.selector, _order, PROVIDER, START + 10 minutes
            )
        );
        vm.prank(PROVIDER);
        market.settle(_order, 0, answer, singlePath(), seal);
    }

    function test_afterTheGracePeriodAnyoneSettlesAndTheValidatorsShareGoesToTheTreasury() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        vm.warp(START + 10 minutes + 1);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.DutyMissed(_order, 0, VALIDATOR);
        vm.prank(STRANGER);
        market.settle(_order, 0, answer, singlePath(), seal);
        assertEq(market.creditOf(STRANGER), 0, "the caller gains nothing");
        assertEq(market.creditOf(VALIDATOR), 0, "the late validator gains nothing");
        assertEq(
            market.creditOf(TREASURY),
            uint256(PRICE) * 300 / 10_000 + uint256(PRICE) * 700 / 10_000,
            "treasury takes the duty"
        );
    }

    function test_withoutAValidatorAnyoneSettlesAtOnce() public {
        vm.prank(VALIDATOR);
        validators.exit();
        bytes32 order = openAndDeliver(terms());
        assertEq(market.orderOf(order).validator, address(0), "no validator");
        bytes memory seal = sealFor(order, 0);
        bytes memory answer = outputBytes();
        vm.prank(STRANGER);
        market.settle(order, 0, answer, singlePath(), seal);
        assertState(order, 0, LegState.Settled);
    }

    function test_aSettlementAfterTheWindowIsRefused() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        vm.warp(START + 1 hours + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.SettlementDeadlinePassed.selector, _order, uint8(0), START + 1 hours
            )
        );
        market.settle(_order, 0, answer, singlePath(), seal);
    }

    function test_atTheLastSecondOfTheWindowTheProviderSettlesByItself() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        vm.warp(START + 1 hours);
        vm.prank(PROVIDER);
        market.settle(_order, 0, answer, singlePath(), seal);
        assertState(_order, 0, LegState.Settled);
    }

    function test_aLegSettlesOnce() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        settle(_order, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, _order, uint8(0), LegState.Settled)
        );
        vm.prank(VALIDATOR);
        market.settle(_order, 0, answer, singlePath(), seal);
    }

    function test_outputBytesOtherThanTheDeliveredAreRefused() public {
        bytes memory seal = sealFor(_order, 0);
        bytes memory answer = outputBytes();
        answer[5] = bytes1(uint8(answer[5]) ^ 1);
        vm.expectPartialRevert(IAvowMarket.OutputDiffers.selector);
        vm.prank(VALIDATOR);
        market.settle(_order, 0, answer, singlePath(), seal);
    }

    function test_aProofThatTheVerifierRefusesPaysNobody() public {
        bytes memory seal = sealFor(_order, 0);
        // The last byte of the mock's 35-byte proof: selector, two offsets, length, proof.
        seal[4 + 96 + 34] = 0;
        bytes memory answer = outputBytes();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.ProofRefused.selector, bytes("")));
        vm.prank(VALIDATOR);
        market.settle(_order, 0, answer, singlePath(), seal);
        assertState(_order, 0, LegState.Delivered);
    }

    function test_aProofUnderALargerTreeSettlesByItsPath() public {
        (, bytes32 digest) = market.statementFor(_order, 0, PROVIDER, outputCommitment());
        bytes32[] memory siblings = new bytes32[](2);
        siblings[0] = keccak256("another statement's leaf");
        StatementPath memory path = StatementPath(1, siblings);
        bytes memory seal = sealOver(EZKL, StatementTree.root(digest, path));
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settle(_order, 0, answer, singlePath(), seal);
        vm.prank(VALIDATOR);
        market.settle(_order, 0, answer, path, seal);
        assertState(_order, 0, LegState.Settled);
    }

    function test_theStatementIsBuiltFromTheMarketsOwnStorage() public view {
        (Statement memory statement,) = market.statementFor(_order, 0, PROVIDER, outputCommitment());
        assertEq(statement.model, keccak256("model"), "model");
        assertEq(bytes(statement.system), bytes("ezkl/v1"), "system");
        assertEq(statement.program, keccak256(abi.encode("program", "ezkl/v1")), "program");
        assertEq(statement.key, keccak256("key"), "key");
        assertEq(statement.input.value, terms().input.value, "input");
        assertEq(statement.output.value, outputCommitment().value, "output");
        assertEq(statement.order, _order, "order");
        assertEq(statement.provider, PROVIDER, "provider");
        assertEq(statement.nonce, 1, "nonce");
    }

    function test_legsAreDeliveredProvenAndPaidApart() public {
        bytes32 order = openAndDeliver(twoLegTerms());
        settle(order, 0);
        assertState(order, 1, LegState.Locked);
        uint256 first = market.creditOf(PROVIDER);
        deliver(order, 1);
        settle(order, 1);
        assertTrue(market.creditOf(PROVIDER) > first, "second leg pays");
        uint256 paid = market.creditOf(PROVIDER) + market.creditOf(VALIDATOR) + market.creditOf(ROYALTY)
            + market.creditOf(TREASURY);
        assertEq(paid, uint256(PRICE) + BOND, "legs sum to price and bond");
    }

    function test_onlyTheLockedProviderDelivers() public {
        bytes32 order = open();
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, order, uint8(0), LegState.Open)
        );
        deliver(order, 0, EZKL);
        lock(order);
        Commitment memory answer = outputCommitment();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotProvider.selector, order, RIVAL));
        vm.prank(RIVAL);
        market.deliver(order, 0, EZKL, answer, 0, "");
    }

    function test_anAnswerIsDeliveredOnceAndInTime() public {
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, _order, uint8(0), LegState.Delivered)
        );
        deliver(_order, 0, EZKL);
        bytes32 late = open();
        lock(late);
        vm.warp(START + 1 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.DeliveryDeadlinePassed.selector, late, uint8(0), START + 1 days
            )
        );
        deliver(late, 0, EZKL);
        vm.warp(START + 1 days);
        deliver(late, 0, EZKL);
        assertState(late, 0, LegState.Delivered);
    }

    function test_aHiddenOutputAndALongUriAreRefused() public {
        bytes32 order = open();
        lock(order);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OutputSchemeNotPublic.selector, uint16(2)));
        vm.prank(PROVIDER);
        market.deliver(order, 0, EZKL, Commitment(2, keccak256("salted")), 0, "");
        Commitment memory answer = outputCommitment();
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.UriTooLong.selector, 1025, 1024));
        vm.prank(PROVIDER);
        market.deliver(order, 0, EZKL, answer, 0, string(new bytes(1025)));
        vm.prank(PROVIDER);
        market.deliver(order, 0, EZKL, answer, 0, string(new bytes(1024)));
    }

    function test_unknownOrdersAndLegsAreNamed() public {
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderUnknown.selector, bytes32(uint256(1))));
        market.orderOf(bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.LegUnknown.selector, _order, uint8(1)));
        market.legOf(_order, 1);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.LegUnknown.selector, _order, uint8(1)));
        deliver(_order, 1, EZKL);
    }

    function testFuzz_everyPriceIsPaidOutWhole(uint128 price, uint128 bond, uint16 share) public {
        price = uint128(bound(price, 1, 1e24));
        bond = uint128(bound(bond, price, 1e24));
        OrderRequest memory order = twoLegTerms();
        order.price = price;
        order.bond = bond;
        order.legs[0].shareBps = uint16(bound(share, 1, 9_999));
        order.legs[1].shareBps = 10_000 - order.legs[0].shareBps;
        bytes32 id = openAndDeliver(order);
        deliver(id, 1);
        settle(id, 0);
        settle(id, 1);
        uint256 paid = market.creditOf(PROVIDER) + market.creditOf(VALIDATOR) + market.creditOf(ROYALTY)
            + market.creditOf(TREASURY);
        assertEq(paid, uint256(price) + bond, "sum of payouts");
    }
}
