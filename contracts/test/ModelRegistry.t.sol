// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ModelRegistry} from "../src/ModelRegistry.sol";
import {
    IModelRegistry,
    ModelRegistration,
    ModelTerms,
    ModelVersion,
    SystemBinding,
    SystemClaim,
    SystemRegistration,
    SystemTerms,
    SystemVersion
} from "../src/interfaces/IModelRegistry.sol";
import {CommitmentScheme} from "../src/types/Commitment.sol";
import {ElementType, TensorLib, TensorSchema} from "../src/types/Tensor.sol";
import {EzklFixture} from "./base/EzklFixture.sol";
import {MarketWorld} from "./base/MarketWorld.sol";

/// @notice Model versions are immutable and belong to who registered them.
contract ModelRegistryTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_aVersionIsStoredAsRegistered() public view {
        ModelVersion memory version = registry.modelOf(modelKey);
        assertEq(version.digest, keccak256("model"), "digest");
        assertEq(version.owner, OWNER, "owner");
        assertEq(version.royaltyReceiver, ROYALTY, "receiver");
        assertEq(version.royaltyBps, 500, "royalty");
        assertEq(abi.encode(version.inputs), abi.encode(EzklFixture.inputs()), "inputs");
        assertEq(bytes(version.uri), bytes("ipfs://model"), "uri");
        assertTrue(!version.deprecated, "not deprecated");
        SystemVersion memory system = registry.systemOf(modelKey, EZKL);
        SystemRegistration memory said = systemRegistration("ezkl/v1");
        assertEq(bytes(system.system), bytes(said.system), "system");
        assertEq(system.recordDigest, said.recordDigest, "record");
        assertEq(system.program, said.program, "program");
        assertEq(system.key, said.key, "key");
        assertEq(system.verifier, said.verifier, "verifier");
        assertEq(system.verifierCodehash, said.verifierCodehash, "codehash");
        assertEq(system.inputScheme, said.inputScheme, "scheme");
        assertEq(system.addedAt, START, "when");
        assertEq(registry.addedAt(modelKey, EZKL), START, "when, by itself");
        assertEq(abi.encode(system.outputs), abi.encode(said.outputs), "outputs");
        assertEq(system.proofLayout, said.proofLayout, "layout");
        assertEq(bytes(system.uri), bytes(said.uri), "uri");
    }

    function test_whatAVerificationNeedsIsReadByItself() public {
        SystemVersion memory system = registry.systemOf(modelKey, EZKL);
        SystemBinding memory binding = registry.bindingOf(modelKey, EZKL);
        assertEq(binding.model, registry.modelOf(modelKey).digest, "model");
        assertEq(binding.program, system.program, "program");
        assertEq(binding.key, system.key, "key");
        assertEq(binding.verifier, system.verifier, "verifier");
        assertEq(binding.verifierCodehash, system.verifierCodehash, "code");
        assertEq(binding.inputScheme, system.inputScheme, "scheme");
        assertEq(registry.layoutOf(modelKey, EZKL), system.proofLayout, "layout");
        bytes4 other = bytes4(keccak256("none/v1"));
        bytes memory unknown = abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, other);
        vm.expectRevert(unknown);
        registry.bindingOf(modelKey, other);
        vm.expectRevert(unknown);
        registry.layoutOf(modelKey, other);
    }

    function test_whatAnOrderAndASettlementNeedAreReadByThemselves() public {
        (ModelVersion memory model, SystemVersion memory system) =
            (registry.modelOf(modelKey), registry.systemOf(modelKey, EZKL));
        SystemClaim memory claim = registry.claimOf(modelKey, EZKL);
        SystemClaim memory said = SystemClaim(
            model.digest, model.royaltyReceiver, system.system, system.program, system.key, system.outputs
        );
        assertEq(abi.encode(claim), abi.encode(said), "claim");
        ModelTerms memory terms = ModelTerms(model.royaltyBps, false, model.inputs);
        assertEq(abi.encode(registry.modelTermsOf(modelKey)), abi.encode(terms), "terms of the model");
        SystemTerms memory its = SystemTerms(system.inputScheme, false, system.outputs);
        assertEq(abi.encode(registry.systemTermsOf(modelKey, EZKL)), abi.encode(its), "terms of the system");

        vm.prank(OWNER);
        registry.deprecateModel(modelKey);
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, EZKL);
        assertTrue(registry.modelTermsOf(modelKey).deprecated, "model");
        assertTrue(registry.systemTermsOf(modelKey, EZKL).deprecated, "system");

        bytes4 other = bytes4(keccak256("none/v1"));
        bytes memory unknown = abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, other);
        vm.expectRevert(unknown);
        registry.claimOf(modelKey, other);
        vm.expectRevert(unknown);
        registry.systemTermsOf(modelKey, other);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelUnknown.selector, bytes32(0)));
        registry.modelTermsOf(0);
    }

    function test_whoCopiesADigestGetsAnotherKeyAndTakesNothing() public {
        bytes32 digest = keccak256("coveted");
        vm.prank(RIVAL);
        bytes32 copy = registry.registerModel(_registration(digest));
        vm.prank(OWNER);
        bytes32 real = registry.registerModel(_registration(digest));
        assertTrue(copy != real, "keys differ");
        assertEq(real, registry.modelKeyOf(OWNER, digest), "the owner's key is its own");
        assertEq(registry.modelOf(real).owner, OWNER, "the owner holds the real version");
    }

    function test_aVersionIsRegisteredOnce() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelAlreadyRegistered.selector, modelKey));
        vm.prank(OWNER);
        registry.registerModel(_registration(keccak256("model")));
    }

    function test_aSystemIsAddedOnceAndNeverReplaced() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemAlreadyAdded.selector, modelKey, EZKL));
        vm.prank(OWNER);
        registry.addSystem(modelKey, systemRegistration("ezkl/v1"));
    }

    function test_onlyTheOwnerAddsAndDeprecates() public {
        bytes memory expected = abi.encodeWithSelector(IModelRegistry.NotModelOwner.selector, modelKey, RIVAL);
        vm.expectRevert(expected);
        vm.prank(RIVAL);
        registry.addSystem(modelKey, systemRegistration("another/v1"));
        vm.expectRevert(expected);
        vm.prank(RIVAL);
        registry.deprecateModel(modelKey);
        vm.expectRevert(expected);
        vm.prank(RIVAL);
        registry.deprecateSystem(modelKey, EZKL);
    }

    function test_deprecationIsForEver() public {
        vm.prank(OWNER);
        registry.deprecateModel(modelKey);
        assertTrue(registry.modelOf(modelKey).deprecated, "model");
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelAlreadyDeprecated.selector, modelKey));
        vm.prank(OWNER);
        registry.deprecateModel(modelKey);
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, EZKL);
        assertTrue(registry.systemOf(modelKey, EZKL).deprecated, "system");
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.SystemAlreadyDeprecated.selector, modelKey, EZKL)
        );
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, EZKL);
    }

    function test_whatIsUnknownIsNamed() public {
        bytes32 none = keccak256("none");
        bytes4 other = bytes4(keccak256("none/v1"));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelUnknown.selector, none));
        registry.modelOf(none);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, other));
        registry.systemOf(modelKey, other);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, modelKey, other));
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, other);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelUnknown.selector, none));
        registry.deprecateModel(none);
    }

    function test_modelsThatNobodyCanServeAreRefused() public {
        ModelRegistration memory bad = _registration(0);
        _refused(bad, abi.encodeWithSelector(IModelRegistry.ZeroDigest.selector));
        bad = _registration(keccak256("new"));
        bad.royaltyBps = 5_001;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.RoyaltyTooHigh.selector, 5_001, 5_000));
        bad.royaltyBps = 1;
        bad.royaltyReceiver = address(0);
        _refused(bad, abi.encodeWithSelector(IModelRegistry.RoyaltyWithoutReceiver.selector));
        bad = _registration(keccak256("new"));
        bad.uri = string(new bytes(513));
        _refused(bad, abi.encodeWithSelector(IModelRegistry.TextTooLong.selector, 513, 512));
        bad.uri = "";
        bad.inputs = new TensorSchema[](0);
        _refused(bad, abi.encodeWithSelector(TensorLib.TensorCountOutOfBounds.selector, 0, 16));
        bad.inputs = EzklFixture.inputs();
        bad.inputs[0].elementType = ElementType.None;
        _refused(bad, abi.encodeWithSelector(TensorLib.ElementTypeMissing.selector));
    }

    function test_systemsThatNobodyCanVerifyAreRefused() public {
        SystemRegistration memory bad = systemRegistration("");
        _refused(bad, abi.encodeWithSelector(IModelRegistry.SystemIdEmpty.selector));
        bad = systemRegistration("new/v1");
        bad.recordDigest = 0;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.ZeroDigest.selector));
        bad = systemRegistration("new/v1");
        bad.program = 0;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.ZeroDigest.selector));
        bad = systemRegistration("new/v1");
        bad.key = 0;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.ZeroDigest.selector));
        bad = systemRegistration("new/v1");
        bad.proofLayout = new bytes(8_193);
        _refused(bad, abi.encodeWithSelector(IModelRegistry.LayoutTooLong.selector, 8_193, 8_192));
        bad = systemRegistration("new/v1");
        bad.verifier = STRANGER;
        bad.verifierCodehash = STRANGER.codehash;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.VerifierWithoutCode.selector, STRANGER));
        bad = systemRegistration("new/v1");
        bad.verifierCodehash = keccak256("other code");
        _refused(
            bad,
            abi.encodeWithSelector(
                IModelRegistry.VerifierCodeDiffers.selector,
                address(halo2),
                keccak256("other code"),
                address(halo2).codehash
            )
        );
        bad = systemRegistration("new/v1");
        bad.inputScheme = 0;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.InputSchemeUnknown.selector, uint16(0)));
        bad.inputScheme = 5;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.InputSchemeUnknown.selector, uint16(5)));
        bad.inputScheme = CommitmentScheme.PUBLIC_TREE;
        _refused(bad, abi.encodeWithSelector(IModelRegistry.InputSchemeDiffers.selector, 1, 4));
        bad = systemRegistration("new/v1");
        bad.outputs[0].shape[0] = 0;
        _refused(bad, abi.encodeWithSelector(TensorLib.DimensionZero.selector, 0));
        bad = systemRegistration("new/v1");
        bad.uri = string(new bytes(513));
        _refused(bad, abi.encodeWithSelector(IModelRegistry.TextTooLong.selector, 513, 512));
        bad = systemRegistration(string(new bytes(513)));
        _refused(bad, abi.encodeWithSelector(IModelRegistry.TextTooLong.selector, 513, 512));
    }

    /// @dev Whatever the system: an answer under another public scheme is one that nothing contradicts.
    function test_theModelsInputsDecideHowTheyAreCommittedTo() public {
        TensorSchema[] memory inputs = EzklFixture.largeInputs();
        // 124 KiB beside what stands around them fit a transaction of 128 KiB.
        inputs[0].shape[1] -= 1;
        _takes("shown", inputs, CommitmentScheme.PUBLIC, CommitmentScheme.PUBLIC_TREE);
        inputs[0].shape[1] += 1;
        _takes("large", inputs, CommitmentScheme.PUBLIC_TREE, CommitmentScheme.PUBLIC);
        TensorSchema[] memory two = new TensorSchema[](2);
        (two[0], two[1]) = (EzklFixture.inputs()[0], inputs[0]);
        _takes("one of two", two, CommitmentScheme.PUBLIC_TREE, CommitmentScheme.PUBLIC);
        inputs[0].shape[1] -= 1;
        two[0] = inputs[0];
        _takes("together", two, CommitmentScheme.PUBLIC, CommitmentScheme.PUBLIC_TREE);
    }

    function _takes(string memory name, TensorSchema[] memory inputs, uint16 right, uint16 wrong) private {
        vm.startPrank(OWNER);
        bytes32 key =
            registry.registerModel(ModelRegistration(keccak256(bytes(name)), ROYALTY, 0, inputs, ""));
        string[4] memory systems = ["ezkl/v1", "sumcheck/v1", "optimistic/v1", "tee/v1"];
        for (uint256 i; i < systems.length; ++i) {
            SystemRegistration memory system = systemRegistration(systems[i]);
            system.inputScheme = wrong;
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.InputSchemeDiffers.selector, right, wrong));
            registry.addSystem(key, system);
            system.inputScheme = right;
            bytes4 selector = registry.addSystem(key, system);
            assertEq(registry.bindingOf(key, selector).inputScheme, right, "scheme");
        }
        SystemRegistration memory hiding = systemRegistration("hiding/v1");
        hiding.inputScheme = CommitmentScheme.EZKL_POSEIDON;
        registry.addSystem(key, hiding);
        vm.stopPrank();
    }

    function test_selectorsAreTheFirstFourBytesOfTheIdsHash() public view {
        assertEq(bytes32(registry.selectorOf("ezkl/v1")), bytes32(bytes4(0x919282a3)), "selector");
    }

    function _registration(bytes32 digest) private pure returns (ModelRegistration memory) {
        return ModelRegistration(digest, ROYALTY, 500, EzklFixture.inputs(), "ipfs://model");
    }

    function _refused(ModelRegistration memory registration, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(OWNER);
        registry.registerModel(registration);
    }

    function _refused(SystemRegistration memory registration, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
    }
}
