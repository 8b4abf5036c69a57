// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklAdapter} from "../src/adapters/EzklAdapter.sol";
import {EzklLayout, EzklSegment, EzklSegmentKind} from "../src/adapters/EzklLayout.sol";
import {EzklSeal} from "../src/adapters/EzklSeal.sol";
import {ModelRegistration, SystemRegistration} from "../src/interfaces/IModelRegistry.sol";
import {Commitment, CommitmentScheme} from "../src/types/Commitment.sol";
import {FieldElement} from "../src/types/FieldElement.sol";
import {Statement} from "../src/types/Statement.sol";
import {ElementType, TensorLib} from "../src/types/Tensor.sol";
import {EzklFixture} from "./base/EzklFixture.sol";
import {MarketWorld} from "./base/MarketWorld.sol";
import {MockOddVerifier} from "./mocks/MockHalo2Verifier.sol";

/// @notice The adapter believes nothing about a proof but what its instances say.
contract EzklAdapterTest is MarketWorld {
    bytes32 private constant ROOT = keccak256("root");

    function setUp() public {
        setUpWorld();
    }

    function test_aProofWhoseInstancesCarryTheStatementPasses() public view {
        assertTrue(adapter.verify(modelKey, _statement(), ROOT, _body(_instances())), "passes");
    }

    function test_everySingleInstanceIsChecked() public view {
        for (uint256 i; i < 24; ++i) {
            uint256[] memory altered = _instances();
            altered[i] = altered[i] == 0 ? 1 : altered[i] - 1;
            bytes memory body = _body(altered);
            (bool success,) = address(adapter)
                .staticcall(abi.encodeCall(adapter.verify, (modelKey, _statement(), ROOT, body)));
            assertTrue(!success, string.concat("altered instance ", vm.toString(i)));
        }
    }

    function test_anotherRootIsRefused() public {
        bytes memory body = _body(_instances());
        vm.expectPartialRevert(EzklAdapter.BindingDiffers.selector);
        adapter.verify(modelKey, _statement(), keccak256("other root"), body);
    }

    function test_aLimbMayNotCarryMoreThanSixteenBits() public {
        uint256[] memory altered = _instances();
        altered[3] += 1 << 16;
        altered[2] -= 1;
        vm.expectPartialRevert(EzklAdapter.BindingDiffers.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
    }

    function test_anInputOtherThanTheStatementsIsRefused() public {
        uint256[] memory altered = _instances();
        altered[16] = EzklFixture.element(-1);
        vm.expectPartialRevert(EzklAdapter.InputDiffers.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
    }

    function test_anOutputOtherThanTheStatementsIsRefused() public {
        uint256[] memory altered = _instances();
        altered[23] = 5;
        vm.expectPartialRevert(EzklAdapter.OutputDiffers.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
    }

    function test_aConstantOtherThanTheRegisteredIsRefused() public {
        uint256[] memory altered = _instances();
        altered[20] = 5;
        vm.expectRevert(
            abi.encodeWithSelector(EzklAdapter.ConstantDiffers.selector, 20, EzklFixture.CONSTANT, 5)
        );
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
    }

    function test_anInstanceOutsideTheFieldIsRefused() public {
        uint256[] memory altered = _instances();
        altered[17] += FieldElement.ORDER;
        vm.expectPartialRevert(FieldElement.NotInField.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
        altered = _instances();
        altered[0] += FieldElement.ORDER;
        vm.expectPartialRevert(FieldElement.NotInField.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
        altered = _instances();
        altered[21] = type(uint256).max;
        vm.expectPartialRevert(FieldElement.NotInField.selector);
        adapter.verify(modelKey, _statement(), ROOT, _body(altered));
    }

    function test_anIntegerOutsideTheElementTypeIsRefusedNotWrapped() public {
        int256[4] memory outside = [int256(128), -129, 256 + 1, -255];
        for (uint256 i; i < 4; ++i) {
            uint256[] memory altered = _instances();
            altered[16] = EzklFixture.element(outside[i]);
            vm.expectPartialRevert(FieldElement.OutsideElementType.selector);
            adapter.verify(modelKey, _statement(), ROOT, _body(altered));
        }
    }

    function testFuzz_fieldElementsDecodeToTheIntegersTheyEncode(int64 value) public pure {
        int256 found = FieldElement.toSigned(
            EzklFixture.element(value), 0, ElementType.Int64, TensorLib.width(ElementType.Int64)
        );
        assertTrue(found == value, "round trip");
    }

    function test_theNumberOfInstancesIsExact() public {
        uint256[] memory more = new uint256[](25);
        uint256[] memory some = _instances();
        for (uint256 i; i < 24; ++i) {
            more[i] = some[i];
        }
        vm.expectRevert(abi.encodeWithSelector(EzklAdapter.InstanceCountDiffers.selector, 24, 25));
        adapter.verify(modelKey, _statement(), ROOT, _body(more));
        vm.expectRevert(abi.encodeWithSelector(EzklAdapter.InstanceCountDiffers.selector, 24, 0));
        adapter.verify(modelKey, _statement(), ROOT, _body(new uint256[](0)));
    }

    function test_theBodyHasOneEncodingOnly() public {
        bytes memory good = _body(_instances());
        Statement memory statement = _statement();
        _malformed(bytes.concat(good, hex"00"), statement);
        _malformed(bytes.concat(good, bytes32(0)), statement);
        bytes memory cut = _copy(good);
        assembly ("memory-safe") {
            mstore(cut, sub(mload(cut), 32))
        }
        _malformed(cut, statement);
        // The mock's proof has 35 bytes, so 29 bytes of padding follow it.
        bytes memory padded = _copy(good);
        padded[96 + 35] = 0x01;
        _malformed(padded, statement);
        bytes memory shifted = _copy(good);
        shifted[31] = 0x60;
        _malformed(shifted, statement);
        bytes memory list = _copy(good);
        list[63] = bytes1(uint8(list[63]) + 32);
        _malformed(list, statement);
        _malformed(hex"", statement);
        _malformed(new bytes(127), statement);
    }

    function test_hugeLengthsAreRefusedBeforeAnythingIsCopied() public {
        bytes memory long = _body(_instances());
        Statement memory statement = _statement();
        long[64] = 0xff;
        vm.expectPartialRevert(EzklSeal.ProofTooLong.selector);
        adapter.verify(modelKey, statement, ROOT, long);
        bytes memory many = abi.encode(hex"00", new uint256[](0));
        many[128] = 0xff;
        vm.expectPartialRevert(EzklSeal.TooManyInstances.selector);
        adapter.verify(modelKey, statement, ROOT, many);
    }

    function test_aProofTheVerifierRefusesIsFalse() public view {
        uint256[] memory values = _instances();
        bytes memory body = abi.encode(bytes("not a proof"), values);
        assertTrue(!adapter.verify(modelKey, _statement(), ROOT, body), "refused");
    }

    function test_everyOddAnswerOfAVerifierIsFalse() public {
        for (uint256 mode; mode < 8; ++mode) {
            SystemRegistration memory system = systemRegistration("ezkl/v1");
            system.verifier = address(new MockOddVerifier(mode));
            system.verifierCodehash = system.verifier.codehash;
            (bytes32 key, Statement memory statement) = _register(system, mode);
            bytes memory body = _body(_instances());
            (bool success, bytes memory answer) = address(adapter).staticcall{gas: 3_000_000}(
                abi.encodeCall(adapter.verify, (key, statement, ROOT, body))
            );
            assertTrue(!success || !abi.decode(answer, (bool)), vm.toString(mode));
        }
    }

    function test_aVerifierWhoseCodeChangedIsRefused() public {
        Statement memory statement = _statement();
        bytes memory body = _body(_instances());
        bytes32 pinned = address(halo2).codehash;
        vm.etch(address(halo2), address(new MockOddVerifier(0)).code);
        vm.expectRevert(
            abi.encodeWithSelector(
                EzklAdapter.VerifierCodeDiffers.selector, address(halo2), pinned, address(halo2).codehash
            )
        );
        adapter.verify(modelKey, statement, ROOT, body);
        vm.etch(address(halo2), "");
        vm.expectPartialRevert(EzklAdapter.VerifierCodeDiffers.selector);
        adapter.verify(modelKey, statement, ROOT, body);
    }

    function test_aStatementOfAnotherModelProgramKeyOrSchemeIsRefused() public {
        bytes memory body = _body(_instances());
        Statement memory statement = _statement();
        statement.model = keccak256("other");
        _differs(statement, body, "model");
        statement = _statement();
        statement.program = keccak256("other");
        _differs(statement, body, "program");
        statement = _statement();
        statement.key = keccak256("other");
        _differs(statement, body, "key");
        statement = _statement();
        statement.input.scheme = CommitmentScheme.EZKL_POSEIDON;
        _differs(statement, body, "input.scheme");
        statement = _statement();
        statement.output.scheme = CommitmentScheme.SALTED;
        vm.expectRevert(abi.encodeWithSelector(EzklAdapter.OutputSchemeNotPublic.selector, uint16(2)));
        adapter.verify(modelKey, statement, ROOT, body);
    }

    function test_aHiddenInputIsComparedByItsHashInstance() public {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.inputScheme = CommitmentScheme.EZKL_POSEIDON;
        EzklSegment[] memory segments = new EzklSegment[](4);
        uint256[] memory none = new uint256[](0);
        segments[0] = EzklSegment(EzklSegmentKind.Input, 1, none);
        segments[1] = EzklSegment(EzklSegmentKind.Derived, 1, none);
        segments[2] = EzklSegment(EzklSegmentKind.Output, 3, none);
        segments[3] = EzklSegment(EzklSegmentKind.Binding, 16, none);
        system.proofLayout = abi.encode(segments);
        (bytes32 key, Statement memory statement) = _register(system, 0);
        uint256[] memory values = new uint256[](21);
        uint256[] memory some = _instances();
        (values[0], values[1]) = (12345, 67890);
        for (uint256 i; i < 3; ++i) {
            values[2 + i] = some[21 + i];
        }
        for (uint256 i; i < 16; ++i) {
            values[5 + i] = some[i];
        }
        statement.input = Commitment(CommitmentScheme.EZKL_POSEIDON, bytes32(uint256(12345)));
        assertTrue(adapter.verify(key, statement, ROOT, _body(values)), "passes");
        values[0] = 12346;
        vm.expectPartialRevert(EzklAdapter.InputDiffers.selector);
        adapter.verify(key, statement, ROOT, _body(values));
        (values[0], values[1]) = (12345, FieldElement.ORDER);
        vm.expectRevert(abi.encodeWithSelector(FieldElement.NotInField.selector, 1, FieldElement.ORDER));
        adapter.verify(key, statement, ROOT, _body(values));
    }

    function test_aSaltedInputIsBoundByNoCircuitAndThereforeRefused() public {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.inputScheme = CommitmentScheme.SALTED;
        (bytes32 key, Statement memory statement) = _register(system, 0);
        statement.input.scheme = CommitmentScheme.SALTED;
        bytes memory body = _body(_instances());
        vm.expectRevert(abi.encodeWithSelector(EzklAdapter.InputSchemeNotProvable.selector, uint16(2)));
        adapter.verify(key, statement, ROOT, body);
    }

    function test_aLayoutThatLeavesSomethingUnboundIsRefused() public {
        _badLayout(EzklSegmentKind.Binding, 15, EzklLayout.BindingLimbs.selector);
        _badLayout(EzklSegmentKind.Binding, 17, EzklLayout.BindingLimbs.selector);
        _badLayout(EzklSegmentKind.Input, 3, EzklLayout.InputInstances.selector);
        _badLayout(EzklSegmentKind.Input, 0, EzklLayout.InputInstances.selector);
        _badLayout(EzklSegmentKind.Output, 2, EzklLayout.OutputInstances.selector);
        _badLayout(EzklSegmentKind.Constant, 2, EzklLayout.SegmentValuesDiffer.selector);
    }

    function test_aSegmentWithoutAKindIsRefused() public {
        EzklSegment[] memory segments = abi.decode(EzklFixture.proofLayout(), (EzklSegment[]));
        segments[1].kind = EzklSegmentKind.None;
        _refusedLayout(segments, EzklLayout.SegmentWithoutKind.selector);
    }

    function test_valuesBelongToConstantsOnly() public {
        EzklSegment[] memory segments = abi.decode(EzklFixture.proofLayout(), (EzklSegment[]));
        segments[1].values = new uint256[](4);
        _refusedLayout(segments, EzklLayout.SegmentValuesDiffer.selector);
    }

    function _badLayout(EzklSegmentKind kind, uint32 count, bytes4 expected) private {
        EzklSegment[] memory segments = abi.decode(EzklFixture.proofLayout(), (EzklSegment[]));
        for (uint256 i; i < segments.length; ++i) {
            if (segments[i].kind == kind) segments[i].count = count;
        }
        _refusedLayout(segments, expected);
    }

    function _refusedLayout(EzklSegment[] memory segments, bytes4 expected) private {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.proofLayout = abi.encode(segments);
        (bytes32 key, Statement memory statement) = _register(system, uint256(keccak256(system.proofLayout)));
        bytes memory body = _body(_instances());
        vm.expectPartialRevert(expected);
        adapter.verify(key, statement, ROOT, body);
    }

    function _register(SystemRegistration memory system, uint256 number)
        private
        returns (bytes32 key, Statement memory statement)
    {
        statement = _statement();
        statement.model = keccak256(abi.encode("other model", number));
        vm.prank(RIVAL);
        key = registry.registerModel(ModelRegistration(statement.model, ROYALTY, 0, EzklFixture.inputs(), ""));
        vm.prank(RIVAL);
        registry.addSystem(key, system);
    }

    function _malformed(bytes memory body, Statement memory statement) private {
        vm.expectRevert(EzklSeal.SealMalformed.selector);
        adapter.verify(modelKey, statement, ROOT, body);
    }

    function _differs(Statement memory statement, bytes memory body, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(EzklAdapter.StatementDiffers.selector, field));
        adapter.verify(modelKey, statement, ROOT, body);
    }

    function _copy(bytes memory data) private pure returns (bytes memory) {
        return bytes.concat(data);
    }

    function _instances() private view returns (uint256[] memory) {
        return EzklFixture.instances(ROOT, input, output);
    }

    function _body(uint256[] memory values) private pure returns (bytes memory) {
        return EzklFixture.body(values);
    }

    function _statement() private view returns (Statement memory) {
        return Statement({
            model: keccak256("model"),
            system: "ezkl/v1",
            program: keccak256(abi.encode("program", "ezkl/v1")),
            key: keccak256("key"),
            input: Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(input)),
            output: outputCommitment(),
            order: keccak256("order"),
            provider: PROVIDER,
            nonce: 1
        });
    }
}
