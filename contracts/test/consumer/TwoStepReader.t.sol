// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AskTerms, AvowConsumer} from "../../src/consumer/AvowConsumer.sol";
import {Knowledge, TwoStepReader} from "../../src/examples/TwoStepReader.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {LegState} from "../../src/types/Order.sol";
import {ElementType} from "../../src/types/Tensor.sol";
import {BatchWorld} from "../base/BatchWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {Vm} from "../base/Vm.sol";

/// @notice A contract that acts on a first answer and on the proof of it, whichever comes.
contract TwoStepReaderTest is BatchWorld {
    TwoStepReader private _reader;

    function setUp() public {
        setUpBatches();
        _reader = new TwoStepReader(market, modelKey, either(BATCH, EZKL), OTHER, OWNER);
        assertTrue(token.transfer(address(_reader), PRICE), "transfer");
    }

    function test_theQuickAnswerComesFirstAndTheProofConfirmsIt() public {
        bytes32 id = _locked();
        deliver(id, 0, EZKL);
        settle(id, 0);
        _assertKnown(id, Knowledge.Attested, 2);
        assertTrue(_reader.isAwaited(id), "the proof is awaited");
        uint256 paid = market.creditOf(PROVIDER);
        deliver(id, 1);
        settle(id, 1);
        _assertKnown(id, Knowledge.Proven, 2);
        assertTrue(!_reader.isAwaited(id), "nothing is awaited");
        assertTrue(market.creditOf(PROVIDER) > paid, "paid in two steps");
    }

    function test_aProofThatSaysSomethingElseCounts() public {
        bytes32 id = _locked();
        deliver(id, 0, EZKL);
        settle(id, 0);
        output = [int16(5), 9, 1];
        vm.recordLogs();
        deliver(id, 1);
        settle(id, 1);
        _assertKnown(id, Knowledge.Proven, 1);
        assertTrue(_emitted(TwoStepReader.QuickAnswerWasWrong.selector), "it is said");
    }

    function test_aQuickAnswerAfterTheProofChangesNothing() public {
        bytes32 id = _locked();
        deliver(id, 1);
        settle(id, 1);
        output = [int16(5), 9, 1];
        deliver(id, 0, EZKL);
        settle(id, 0);
        _assertKnown(id, Knowledge.Proven, 2);
    }

    function test_aQuickLegThatFailsLeavesTheProof() public {
        bytes32 id = _locked();
        vm.warp(START + 31 minutes);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
        deliver(id, 1);
        settle(id, 1);
        _assertKnown(id, Knowledge.Proven, 2);
        uint256 before = token.balanceOf(address(_reader));
        vm.prank(OWNER);
        _reader.takeRefunds();
        uint256 refund = uint256(PRICE) * 3_000 / 10_000 + uint256(BOND) * 3_000 / 10_000 * 6_000 / 10_000;
        assertEq(token.balanceOf(address(_reader)) - before, refund, "the quick leg's part and compensation");
    }

    function test_eachLegAnswersOnce() public {
        bytes32 id = _locked();
        deliver(id, 0, EZKL);
        settle(id, 0);
        bytes memory answer = outputBytes();
        for (uint8 leg; leg < 3; ++leg) {
            if (leg == 1) continue;
            vm.expectRevert(abi.encodeWithSelector(AvowConsumer.OrderNotAwaited.selector, id));
            vm.prank(address(market));
            _reader.onAvowResult(id, leg, answer);
        }
    }

    /// @dev The answers are compared, and both are read by the proof's element type.
    function test_systemsOfAnotherFormAreNotCompared() public {
        SystemRegistration memory narrow = systemRegistration("narrow/v1");
        narrow.outputs[0].elementType = ElementType.Int8;
        bytes4 selector = bytes4(keccak256("narrow/v1"));
        vm.prank(OWNER);
        registry.addSystem(modelKey, narrow);
        bytes16[3] memory quick = [bytes16(selector), either(BATCH, selector), either(selector, EZKL)];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(TwoStepReader.AnswersDiffer.selector, selector, OTHER));
            new TwoStepReader(market, modelKey, quick[i], OTHER, OWNER);
        }
        vm.expectRevert(abi.encodeWithSelector(TwoStepReader.AnswersDiffer.selector, EZKL, selector));
        new TwoStepReader(market, modelKey, EZKL, selector, OWNER);
    }

    function _locked() private returns (bytes32 id) {
        AskTerms memory wanted = AskTerms(PRICE, BOND, 10 minutes, 2 hours, 200_000);
        bytes memory image = EzklFixture.inputBytes(input);
        vm.prank(OWNER);
        id = _reader.ask(image, 30 minutes, 3_000, wanted);
        lock(id);
    }

    function _emitted(bytes32 topic) private returns (bool) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(_reader) && logs[i].topics[0] == topic) return true;
        }
        return false;
    }

    function _assertKnown(bytes32 id, Knowledge knowledge, uint8 digit) private view {
        assertEq(uint256(_reader.knowledgeOf(id)), uint256(knowledge), "knowledge");
        assertEq(_reader.digitOf(id), digit, "digit");
    }
}
