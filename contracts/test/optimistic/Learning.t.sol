// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IClaims} from "../../src/interfaces/IClaims.sol";
import {IModelRegistry, ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IReferee} from "../../src/interfaces/IReferee.sol";
import {CommitmentScheme} from "../../src/types/Commitment.sol";
import {ElementType, TensorSchema} from "../../src/types/Tensor.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MockReferee, ToyProgram} from "../mocks/MockReferee.sol";

/// @notice A model is claimed only when its registered inputs, outputs and program are its key's: otherwise nobody
/// could show one of them to be wrong.
contract LearningTest is DisputeWorld {
    function setUp() public {
        setUpDisputes();
    }

    function test_aModelIsClaimedOnceItIsLearned() public {
        lengths = new uint32[](3);
        toyKey = ToyProgram.key(lengths);
        _register("another", EzklFixture.inputs(), EzklFixture.outputs(), ToyProgram.PROGRAM);
        bytes32 id = delivered();
        assertTrue(!claims.isLearned(modelKey), "not yet");
        vm.expectRevert(abi.encodeWithSelector(IClaims.ModelNotLearned.selector, modelKey));
        claimWith(id, keccak256("root"));
        vm.expectEmit(true, true, true, true);
        emit IClaims.ModelLearned(modelKey, toyKey, 3);
        vm.prank(STRANGER);
        learn();
        assertTrue(claims.isLearned(modelKey), "learned");
        assertEq(claims.tensorsOf(toyKey), 3, "tensors");
        claimWith(id, keccak256("root"));
        challenge(RIVAL, id, keccak256("root"));
        assertEq(claims.challengeOf(statementRoot(id), RIVAL).levels, 2, "levels of three tensors");
    }

    function test_otherSchemasThanTheKeysAreNotLearned() public {
        for (uint256 output; output < 2; ++output) {
            for (uint256 lie; lie < 4; ++lie) {
                TensorSchema[] memory inputs = EzklFixture.inputs();
                TensorSchema[] memory outputs = EzklFixture.outputs();
                _spoil(output == 1 ? outputs : inputs, lie);
                string memory name = string.concat("lie", vm.toString(output), vm.toString(lie));
                _register(name, inputs, outputs, ToyProgram.PROGRAM);
                _learnFails(abi.encodeWithSelector(IClaims.SchemaDiffers.selector, output == 1, 0));
            }
        }
    }

    function test_anotherNumberOfTensorsThanTheKeysIsNotLearned() public {
        TensorSchema[] memory two = new TensorSchema[](2);
        (two[0], two[1]) = (EzklFixture.outputs()[0], EzklFixture.outputs()[0]);
        bytes memory differs = abi.encodeWithSelector(IClaims.CountDiffers.selector, 1, 2);
        _register("two outputs", EzklFixture.inputs(), two, ToyProgram.PROGRAM);
        (bytes[] memory one, bytes[] memory places) = (new bytes[](1), new bytes[](2));
        (one[0], places[0], places[1]) = (_place(0), _place(20), _place(20));
        vm.expectRevert(differs);
        claims.learn(modelKey, one, places);
        two[1] = two[0] = EzklFixture.inputs()[0];
        _register("two inputs", two, EzklFixture.outputs(), ToyProgram.PROGRAM);
        (places[0], places[1], one[0]) = (_place(0), _place(0), _place(20));
        vm.expectRevert(differs);
        claims.learn(modelKey, places, one);
    }

    function test_thePlacesOfAllTensorsAreShown() public {
        (bytes[] memory inputs, bytes[] memory outputs) = publicPlaces();
        bytes[] memory none = new bytes[](0);
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, 1, 0));
        claims.learn(modelKey, none, outputs);
        vm.expectRevert(abi.encodeWithSelector(IClaims.CountDiffers.selector, 1, 0));
        claims.learn(modelKey, inputs, none);
        vm.expectRevert(MockReferee.OtherTensor.selector);
        claims.learn(modelKey, outputs, inputs);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, ~modelKey, OPTIMISTIC));
        claims.learn(~modelKey, inputs, outputs);
    }

    /// @dev Refutations are made of the registered program: were it not the key's, all of them would be refused.
    function test_aKeyOfAnotherProgramIsNotLearned() public {
        _register("lie", EzklFixture.inputs(), EzklFixture.outputs(), keccak256("another program"));
        _learnFails(abi.encodeWithSelector(MockReferee.OtherKey.selector));
    }

    function test_aProgramOfTooManyTensorsIsNotLearned() public {
        uint32 most = 1 << 20;
        _register("many", EzklFixture.inputs(), EzklFixture.outputs(), ToyProgram.PROGRAM);
        _pretendTensors(most + 1);
        _learnFails(abi.encodeWithSelector(IClaims.TreeTooLarge.selector, most + 1, most));
        _pretendTensors(most);
        learn();
        assertEq(claims.tensorsOf(toyKey), most, "tensors");
    }

    /// @dev A root that orders commit to is compared with the trace's, which must be made in the same way.
    function test_anInputThatIsComparedByItsRootIsHeldRowByRow() public {
        TensorSchema[] memory large = EzklFixture.largeInputs();
        _registerBy("rooted", large, EzklFixture.outputs(), ToyProgram.PROGRAM, CommitmentScheme.PUBLIC_TREE);
        _pretend(large[0], 21, false);
        _learnFails(abi.encodeWithSelector(IClaims.InputNotRowMajor.selector, 0));
        _pretend(large[0], 21, true);
        learn();
        // What is shown whole may lie in any order.
        _register("shown", EzklFixture.inputs(), EzklFixture.outputs(), ToyProgram.PROGRAM);
        _pretend(EzklFixture.inputs()[0], 21, false);
        learn();
    }

    /// @dev Lets the referee say of the key's input that it is one of so many tensors.
    function _pretendTensors(uint32 tensors) private {
        _pretend(EzklFixture.inputs()[0], tensors, true);
    }

    function _pretend(TensorSchema memory schema, uint32 tensors, bool rowMajor) private {
        bytes memory place = ToyProgram.placeInProgram(lengths, 0);
        bytes memory asked = abi.encodeCall(IReferee.schemaOf, (toyKey, place, false, 0));
        vm.mockCall(address(referee), asked, abi.encode(schema, 1, tensors, rowMajor));
    }

    /// @dev A type, a length, an axis less, an axis more.
    function _spoil(TensorSchema[] memory schemas, uint256 lie) private pure {
        TensorSchema memory schema = schemas[0];
        uint32 length = schema.shape[1];
        if (lie == 0) {
            schema.elementType = ElementType.Int32;
        } else if (lie == 1) {
            schema.shape[1] = length + 1;
        } else {
            schema.shape = new uint32[](lie == 2 ? 1 : 3);
            schema.shape[0] = length;
            for (uint256 i = 1; i < schema.shape.length; ++i) {
                schema.shape[i] = 1;
            }
        }
    }

    function _place(uint32 tensor) private view returns (bytes memory) {
        return ToyProgram.place(lengths, tensor);
    }

    function _register(
        string memory name,
        TensorSchema[] memory inputs,
        TensorSchema[] memory outputs,
        bytes32 program
    ) private {
        _registerBy(name, inputs, outputs, program, CommitmentScheme.PUBLIC);
    }

    function _registerBy(
        string memory name,
        TensorSchema[] memory inputs,
        TensorSchema[] memory outputs,
        bytes32 program,
        uint16 scheme
    ) private {
        SystemRegistration memory registration = systemRegistration("optimistic/v1");
        (registration.program, registration.key, registration.outputs) = (program, toyKey, outputs);
        registration.inputScheme = scheme;
        vm.prank(OWNER);
        modelKey =
            registry.registerModel(ModelRegistration(keccak256(bytes(name)), ROYALTY, 0, inputs, "uri"));
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
    }

    function _learnFails(bytes memory reason) private {
        (bytes[] memory inputs, bytes[] memory outputs) = publicPlaces();
        vm.expectRevert(reason);
        claims.learn(modelKey, inputs, outputs);
        assertTrue(!claims.isLearned(modelKey), "learned");
    }
}
