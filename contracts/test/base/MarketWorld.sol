// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market, MarketConfig} from "../../src/Market.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {PaymentToken} from "../../src/PaymentToken.sol";
import {ProofRouter} from "../../src/ProofRouter.sol";
import {ValidatorSet} from "../../src/ValidatorSet.sol";
import {EzklAdapter} from "../../src/adapters/EzklAdapter.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Callback, LegRequest, LegState, OrderRequest} from "../../src/types/Order.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {MockHalo2Verifier} from "../mocks/MockHalo2Verifier.sol";
import {Deployment} from "./Deployment.sol";
import {EzklFixture} from "./EzklFixture.sol";

/// @notice A deployed market with a model of two systems, actors with tokens, and orders in every state.
abstract contract MarketWorld is Deployment {
    uint256 internal constant START = 1_800_000_000;
    uint128 internal constant PRICE = 1_000_003;
    uint128 internal constant BOND = 500_001;
    uint256 internal constant WEALTH = 1e30;
    bytes4 internal constant EZKL = bytes4(keccak256("ezkl/v1"));
    bytes4 internal constant OTHER = bytes4(keccak256("ezkl/test-twin"));

    address internal constant GOVERNOR = address(0xA001);
    address internal constant GUARDIAN = address(0xA002);
    address internal constant TREASURY = address(0xA003);
    address internal constant OWNER = address(0xA004);
    address internal constant ROYALTY = address(0xA005);
    address internal constant REQUESTER = address(0xB001);
    address internal constant PROVIDER = address(0xB002);
    address internal constant RIVAL = address(0xB003);
    address internal constant VALIDATOR = address(0xB004);
    address internal constant STRANGER = address(0xB005);

    PaymentToken internal token;
    ModelRegistry internal registry;
    EzklAdapter internal adapter;
    ProofRouter internal router;
    ValidatorSet internal validators;
    Market internal market;
    MockHalo2Verifier internal halo2;
    bytes32 internal modelKey;

    int8[4] internal input = [int8(1), -2, 127, -128];
    int16[3] internal output = [int16(-300), 0, 32767];

    function setUpWorld() internal {
        vm.warp(START);
        token = newToken(address(this), WEALTH * 10);
        registry = newRegistry();
        adapter = newAdapter(registry);
        halo2 = new MockHalo2Verifier();
        RouterEntryConfig[] memory entries = new RouterEntryConfig[](2);
        entries[0] = entryConfig("ezkl/v1");
        entries[1] = entryConfig("ezkl/test-twin");
        entries[1].gasCap = 300_000;
        router = newRouter(GOVERNOR, GUARDIAN, entries);
        validators = newValidators(address(token), 1000, 1 days, GOVERNOR);
        market = newMarket(
            MarketConfig(token, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            defaultParameters()
        );
        modelKey = registerModel(OWNER, "model");
        address[5] memory rich = [REQUESTER, PROVIDER, RIVAL, VALIDATOR, STRANGER];
        for (uint256 i; i < rich.length; ++i) {
            enrich(rich[i]);
        }
        join(VALIDATOR);
    }

    function enrich(address account) internal {
        assertTrue(token.transfer(account, WEALTH / 10), "transfer");
        vm.prank(account);
        token.approve(address(market), type(uint256).max);
        vm.prank(account);
        token.approve(address(validators), type(uint256).max);
    }

    function join(address account) internal {
        vm.prank(account);
        validators.join(1000);
    }

    function entryConfig(string memory system) internal view returns (RouterEntryConfig memory) {
        return RouterEntryConfig(
            system, address(adapter), address(adapter).codehash, keccak256("specification"), 3_000_000
        );
    }

    function defaultParameters() internal pure returns (MarketParameters memory) {
        return MarketParameters({
            validatorBps: 700,
            treasuryBps: 300,
            maximumRoyaltyBps: 2_000,
            compensationBps: 6_000,
            minimumBondBps: 2_000,
            gracePeriod: 10 minutes,
            settlementWindow: 1 hours,
            releaseWindow: 5 minutes,
            maximumDuration: 30 days,
            callbackGasCap: 500_000
        });
    }

    function registerModel(address owner, string memory name) internal returns (bytes32 key) {
        vm.prank(owner);
        key = registry.registerModel(
            ModelRegistration(keccak256(bytes(name)), ROYALTY, 500, EzklFixture.inputs(), "ipfs://model")
        );
        vm.prank(owner);
        registry.addSystem(key, systemRegistration("ezkl/v1"));
        vm.prank(owner);
        registry.addSystem(key, systemRegistration("ezkl/test-twin"));
    }

    function systemRegistration(string memory system) internal view returns (SystemRegistration memory) {
        return SystemRegistration({
            system: system,
            recordDigest: keccak256("record"),
            program: keccak256(abi.encode("program", system)),
            key: keccak256("key"),
            verifier: address(halo2),
            verifierCodehash: address(halo2).codehash,
            inputScheme: CommitmentScheme.PUBLIC,
            outputs: EzklFixture.outputs(),
            proofLayout: EzklFixture.proofLayout(),
            uri: "ipfs://record"
        });
    }

    /// @dev A simple order: one leg, inline input, an hour to lock and a day to deliver.
    function terms() internal view returns (OrderRequest memory order) {
        order.modelKey = modelKey;
        order.input = Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(input));
        order.inputData = EzklFixture.inputBytes(input);
        order.legs = new LegRequest[](1);
        order.legs[0] = LegRequest(EZKL, uint64(block.timestamp + 1 days), 10_000);
        order.price = PRICE;
        order.bond = BOND;
        order.lockDeadline = uint64(block.timestamp + 1 hours);
    }

    /// @dev The same by two systems, a third and two thirds of the price.
    function twoLegTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.legs = new LegRequest[](2);
        order.legs[0] = LegRequest(EZKL, uint64(block.timestamp + 1 days), 3_333);
        order.legs[1] = LegRequest(OTHER, uint64(block.timestamp + 2 days), 6_667);
    }

    function either(bytes4 first, bytes4 second) internal pure returns (bytes16) {
        return first | (bytes16(second) >> 32);
    }

    function uriTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.inputData = "";
        order.inputUri = "https://example.org/input";
    }

    function callbackTerms(address target, uint32 gasLimit)
        internal
        view
        returns (OrderRequest memory order)
    {
        order = terms();
        order.callback = Callback(target, gasLimit);
    }

    function open(OrderRequest memory order) internal returns (bytes32) {
        vm.prank(REQUESTER);
        return market.request(order);
    }

    function open() internal returns (bytes32) {
        return open(terms());
    }

    function lock(bytes32 orderId) internal {
        vm.prank(PROVIDER);
        market.lock(orderId);
    }

    function outputCommitment() internal view returns (Commitment memory) {
        return Commitment(CommitmentScheme.PUBLIC, EzklFixture.outputDigest(output));
    }

    function outputBytes() internal view returns (bytes memory) {
        return EzklFixture.outputBytes(output);
    }

    function deliver(bytes32 orderId, uint8 leg) internal {
        deliver(orderId, leg, market.legOf(orderId, leg).selector);
    }

    function deliver(bytes32 orderId, uint8 leg, bytes4 selector) internal {
        Commitment memory answer = outputCommitment();
        vm.prank(PROVIDER);
        market.deliver(orderId, leg, selector, answer, keccak256("bundle"), "https://example.org/bundle");
    }

    function openAndDeliver(OrderRequest memory order) internal returns (bytes32 orderId) {
        orderId = open(order);
        lock(orderId);
        deliver(orderId, 0);
    }

    function singlePath() internal pure returns (StatementPath memory) {
        return StatementPath(0, new bytes32[](0));
    }

    function rootOf(bytes32 orderId, uint8 leg) internal view returns (bytes32) {
        (, bytes32 digest) =
            market.statementFor(orderId, leg, market.orderOf(orderId).provider, outputCommitment());
        return StatementTree.root(digest, singlePath());
    }

    function sealOver(bytes4 selector, bytes32 root) internal view returns (bytes memory) {
        return bytes.concat(selector, EzklFixture.body(EzklFixture.instances(root, input, output)));
    }

    /// @dev A seal that settles the leg as it was delivered.
    function sealFor(bytes32 orderId, uint8 leg) internal view returns (bytes memory) {
        return sealOver(market.legOf(orderId, leg).selector, rootOf(orderId, leg));
    }

    function settle(bytes32 orderId, uint8 leg) internal {
        bytes memory seal = sealFor(orderId, leg);
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        market.settle(orderId, leg, answer, singlePath(), seal);
    }

    function stateOf(bytes32 orderId, uint8 leg) internal view returns (LegState) {
        return market.legOf(orderId, leg).state;
    }

    function assertState(bytes32 orderId, uint8 leg, LegState expected) internal view {
        assertEq(uint256(stateOf(orderId, leg)), uint256(expected), "leg state");
    }
}
