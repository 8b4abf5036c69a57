// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment, ProvenAnswer, SignedAnswer} from "../src/interfaces/IAttestationKeys.sol";
import {SystemRegistration} from "../src/interfaces/IModelRegistry.sol";
import {RouterEntryConfig} from "../src/interfaces/IProofRouter.sol";
import {QuoteVerdict} from "../src/interfaces/IQuoteCheck.sol";
import {BatchItem, OrderRequest} from "../src/types/Order.sol";
import {StatementTree} from "../src/types/StatementTree.sol";
import {AttestationWorld} from "./base/AttestationWorld.sol";
import {Packing} from "./base/BatchWorld.sol";
import {MockFreeAdapter} from "./mocks/MockFreeAdapter.sol";
import {ToyProgram} from "./mocks/MockReferee.sol";

/// @notice Gas of attested answers as transactions of their own, calldata included, from the release artifacts. What
/// a receipt costs beyond settlement is the difference to the same settlement by an adapter that looks at nothing.
/// forge-config: default.isolate = true
contract AttestationGasTest is AttestationWorld {
    bytes4 private constant FREE = bytes4(keccak256("free/v1"));

    function setUp() public {
        setUpAttestation();
        activeKey(PROVIDER, KEY);
        MockFreeAdapter free = new MockFreeAdapter();
        vm.prank(GOVERNOR);
        router.addEntry(RouterEntryConfig("free/v1", address(free), address(free).codehash, 0, 200_000));
        SystemRegistration memory registration = systemRegistration("free/v1");
        registration.program = ToyProgram.PROGRAM;
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
        // Accounts that were never credited are dearer than those of a market in use.
        bytes32 id = _delivered(TEE);
        settleTee(id, teeSeal(KEY, id));
    }

    function test_gasOfAReceiptIsTheRecordedOne() public {
        bytes32 id = _delivered(FREE);
        settleTee(id, bytes.concat(FREE));
        uint256 free = vm.snapshotGasLastCall("tee", "settle an answer without looking at it, mock adapter");
        id = _delivered(TEE);
        settleTee(id, teeSeal(KEY, id));
        uint256 attested = vm.snapshotGasLastCall("tee", "settle an attested answer");
        vm.snapshotValue("tee", "a receipt beyond settlement", attested - free);
        assertAtMost(attested - free, 60_000, "a receipt beyond settlement");
    }

    function test_gasOfABatchIsTheRecordedOne() public {
        _settleBatch(FREE);
        uint256 free =
            vm.snapshotGasLastCall("tee", "settle 64 answers without looking at them, mock adapter");
        _settleBatch(TEE);
        uint256 attested = vm.snapshotGasLastCall("tee", "settle 64 attested answers");
        uint256 each = (attested - free) / 64;
        vm.snapshotValue("tee", "an answer of a batch of 64 beyond settlement", each);
        assertAtMost(each, 10_000, "an answer of a batch of 64 beyond settlement");
    }

    function test_gasOfAKeyIsTheRecordedOne() public {
        Enrolment memory enrolment = enrolmentOf(RIVAL, KEY + 1);
        vm.snapshotGasLastCall("tee", "issue a challenge");
        bytes memory quote = quoteFor(enrolment);
        bytes[] memory signatures = vouch(enrolment, RIVAL, quote, 2);
        vm.prank(RIVAL);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
        vm.snapshotGasLastCall("tee", "register a key that two registrars vouch for, quote of 700 bytes");
        serve(RIVAL, KEY + 1);
        vm.snapshotGasLastCall("tee", "let a key serve a model");
        quoteCheck.set(quote, QuoteVerdict.Refused);
        vm.prank(STRANGER);
        keys.disprove(enrolment.key, quote);
        vm.snapshotGasLastCall("tee", "disprove a registration, mock check");
        vm.warp(block.timestamp + 1 days + 1);
        keys.settleDisproof(enrolment.key);
        vm.snapshotGasLastCall("tee", "settle a disproof against two registrars");
        registerSimulated(RIVAL, KEY + 2);
        vm.snapshotGasLastCall("tee", "register a simulated key");
    }

    function test_gasOfAContradictionIsTheRecordedOne() public {
        bytes32 id = _delivered(TEE);
        SignedAnswer memory answer = signedAnswer(KEY, id);
        ProvenAnswer memory proven = provenOtherwise(answer, keccak256("right"));
        commitTo(STRANGER, answer, proven);
        vm.prank(STRANGER);
        keys.contradictByProof(modelKey, answer, proven, 0);
        vm.snapshotGasLastCall("tee", "slash a key by a proof of another output, mock proof");
        market.refute(id, 0);
        vm.snapshotGasLastCall("tee", "refund an order whose attested answer was contradicted");
    }

    function _delivered(bytes4 selector) private returns (bytes32) {
        OrderRequest memory order = terms();
        order.legs[0].selectors = selector;
        return openAndDeliver(order);
    }

    function _settleBatch(bytes4 selector) private {
        bytes32[] memory digests = new bytes32[](64);
        BatchItem[] memory items = new BatchItem[](64);
        for (uint256 i; i < 64; ++i) {
            items[i].orderId = _delivered(selector);
            items[i].output = outputBytes();
            (, digests[i]) = market.statementFor(items[i].orderId, 0, PROVIDER, outputCommitment());
        }
        for (uint256 i; i < 64; ++i) {
            items[i].path = Packing.pathOf(digests, i);
        }
        bytes32 root = StatementTree.root(digests[0], items[0].path);
        bytes memory seal = bytes.concat(selector);
        if (selector == TEE) seal = bytes.concat(seal, sealBody(KEY, root, uint64(block.timestamp)));
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, seal);
    }
}
