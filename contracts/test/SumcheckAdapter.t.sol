// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SumcheckAdapter, SumcheckBatchKey} from "../src/adapters/SumcheckAdapter.sol";
import {SumcheckSeal} from "../src/adapters/SumcheckSeal.sol";
import {IModelRegistry, ModelRegistration, SystemRegistration} from "../src/interfaces/IModelRegistry.sol";
import {ISumcheckVerifier} from "../src/interfaces/ISumcheckVerifier.sol";
import {Commitment, CommitmentScheme} from "../src/types/Commitment.sol";
import {BatchClaim, Statement} from "../src/types/Statement.sol";
import {TensorSchema} from "../src/types/Tensor.sol";
import {EzklFixture} from "./base/EzklFixture.sol";
import {MarketWorld} from "./base/MarketWorld.sol";

/// @notice Establishes what it was told to, when it is asked about the right data, root and byte strings.
contract MockSumcheckVerifier is ISumcheckVerifier {
    error OtherQuestion();

    Established private _established;
    bytes32 private _question;
    uint256 public missing;

    function expect(Established calldata established, bytes32 question) external {
        (_established, _question) = (established, question);
    }

    function setMissing(uint256 missing_) external {
        missing = missing_;
    }

    function verify(
        address blob,
        bytes32 root,
        bytes calldata inputs,
        bytes calldata outputs,
        bytes calldata proof
    ) external view returns (Established memory) {
        if (keccak256(abi.encode(blob, root, inputs, outputs, proof)) != _question) {
            revert OtherQuestion();
        }
        return _established;
    }

    function verifyBatch(address blob, bytes32 root, Sample[] calldata samples, bytes calldata proof)
        external
        view
        returns (Established[] memory found)
    {
        if (keccak256(abi.encode(blob, root, samples, proof)) != _question) revert OtherQuestion();
        found = new Established[](samples.length - missing);
        for (uint256 i; i < found.length; ++i) {
            found[i] = _established;
            // The second sample has an output of its own.
            if (i == 1) found[i].output = ~_established.output;
        }
    }
}

/// @notice The adapter of sumcheck/v1 compares everything that a statement says, and reads one form of seal only.
contract SumcheckAdapterTest is MarketWorld {
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant INPUT = keccak256("input");
    bytes32 private constant OUTPUT = keccak256("output");

    MockSumcheckVerifier private _verifier;
    SumcheckAdapter private _adapter;
    address private _blob = address(0xB10B);
    address private _four = address(0xB104);
    address private _sixteen = address(0xB116);

    function setUp() public {
        setUpWorld();
        _verifier = new MockSumcheckVerifier();
        _adapter = newSumcheckAdapter(registry, _verifier);
        vm.etch(_blob, hex"00c0ffee");
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.verifier = _blob;
        registration.verifierCodehash = _blob.codehash;
        registration.proofLayout = _layout();
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
        _expect(ISumcheckVerifier.Established(registration.program, registration.key, INPUT, OUTPUT));
    }

    function test_whatTheVerifierEstablishesIsAccepted() public view {
        assertTrue(_adapter.verify(modelKey, _statement(), ROOT, _body()), "accepted");
    }

    function test_everyFieldOfTheStatementIsCompared() public {
        string[8] memory fields =
            ["system", "model", "program", "key", "input.scheme", "output.scheme", "input", "output"];
        for (uint256 i; i < fields.length; ++i) {
            Statement memory lie = _statement();
            if (i == 0) lie.system = "sumcheck/v2";
            else if (i == 1) lie.model = ~lie.model;
            else if (i == 2) lie.program = ~lie.program;
            else if (i == 3) lie.key = ~lie.key;
            else if (i == 4) lie.input.scheme = CommitmentScheme.SALTED;
            else if (i == 5) lie.output.scheme = CommitmentScheme.SALTED;
            else if (i == 6) lie.input.value = ~lie.input.value;
            else lie.output.value = ~lie.output.value;
            vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, fields[i]));
            _adapter.verify(modelKey, lie, ROOT, _body());
        }
    }

    function test_dataThatEstablishAnotherProgramOrKeyAreRefused() public {
        Statement memory statement = _statement();
        _expect(ISumcheckVerifier.Established(~statement.program, statement.key, INPUT, OUTPUT));
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "program"));
        _adapter.verify(modelKey, statement, ROOT, _body());
        _expect(ISumcheckVerifier.Established(statement.program, ~statement.key, INPUT, OUTPUT));
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "key"));
        _adapter.verify(modelKey, statement, ROOT, _body());
    }

    function test_anotherRootIsAnotherQuestion() public {
        vm.expectRevert(MockSumcheckVerifier.OtherQuestion.selector);
        _adapter.verify(modelKey, _statement(), ~ROOT, _body());
    }

    function test_dataThatChangedAreRefused() public {
        bytes32 pinned = _blob.codehash;
        vm.etch(_blob, hex"00c0ffef");
        vm.expectRevert(
            abi.encodeWithSelector(
                SumcheckAdapter.VerifierCodeDiffers.selector, _blob, pinned, _blob.codehash
            )
        );
        _adapter.verify(modelKey, _statement(), ROOT, _body());
    }

    function test_aModelWithoutTheSystemIsRefused() public {
        vm.expectPartialRevert(IModelRegistry.SystemUnknown.selector);
        _adapter.verify(keccak256("unknown"), _statement(), ROOT, _body());
    }

    /// @dev No other encoding of the same byte strings is read: neither shifted, nor padded, nor longer, nor cut.
    function testFuzz_onlyTheCanonicalBodyIsRead(uint256 position, uint8 change) public {
        bytes memory body = _body();
        position = bound(position, 0, body.length - 1);
        if (change == 0) change = 1;
        body[position] ^= bytes1(change);
        // Whatever it is read as, it is not what was asked for.
        vm.expectRevert();
        _adapter.verify(modelKey, _statement(), ROOT, body);
    }

    function test_bytesTooManyOrTooFewAreRefused() public {
        bytes memory body = _body();
        for (uint256 cut = 1; cut < body.length; cut += 7) {
            bytes memory shorter = new bytes(body.length - cut);
            for (uint256 i; i < shorter.length; ++i) {
                shorter[i] = body[i];
            }
            vm.expectRevert(SumcheckSeal.SealMalformed.selector);
            _adapter.verify(modelKey, _statement(), ROOT, shorter);
        }
        for (uint256 more = 1; more <= 64; more += 21) {
            vm.expectRevert(SumcheckSeal.SealMalformed.selector);
            _adapter.verify(modelKey, _statement(), ROOT, bytes.concat(body, new bytes(more)));
        }
        bytes memory padded = bytes.concat(body);
        padded[96 + 32 + 7] = 0x01;
        vm.expectRevert(SumcheckSeal.SealMalformed.selector);
        _adapter.verify(modelKey, _statement(), ROOT, padded);
        vm.expectRevert(SumcheckSeal.SealMalformed.selector);
        _adapter.verify(modelKey, _statement(), ROOT, "");
    }

    function test_lengthsThatWrapAroundAreRefused() public {
        for (uint256 i; i < 3; ++i) {
            for (uint256 j; j < 40; ++j) {
                bytes memory body = _body();
                uint256 position = i == 0 ? 96 : i == 1 ? 160 : 224;
                uint256 length = type(uint256).max - j;
                assembly ("memory-safe") {
                    mstore(add(add(body, 32), position), length)
                }
                vm.expectRevert();
                _adapter.verify(modelKey, _statement(), ROOT, body);
            }
        }
    }

    function test_aBatchThatTheVerifierEstablishesIsAccepted() public {
        _expectBatch();
        assertTrue(_adapter.verifyBatch(modelKey, _claims(), ROOT, _batchBody()), "accepted");
    }

    function test_everyStatementOfABatchIsCompared() public {
        _expectBatch();
        for (uint256 i; i < 2; ++i) {
            BatchClaim[] memory claims = _claims();
            claims[i].statement.output.value ^= bytes32(uint256(1));
            vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "output"));
            _adapter.verifyBatch(modelKey, claims, ROOT, _batchBody());
            claims = _claims();
            claims[i].statement.key = ~claims[i].statement.key;
            vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "key"));
            _adapter.verifyBatch(modelKey, claims, ROOT, _batchBody());
        }
        // Two honest statements in each other's place.
        BatchClaim[] memory swapped = _claims();
        (swapped[0].statement, swapped[1].statement) = (swapped[1].statement, swapped[0].statement);
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "output"));
        _adapter.verifyBatch(modelKey, swapped, ROOT, _batchBody());
    }

    function test_anotherPlaceOrPartIsAnotherQuestion() public {
        _expectBatch();
        BatchClaim[] memory claims = _claims();
        claims[1].index = 2;
        vm.expectRevert(MockSumcheckVerifier.OtherQuestion.selector);
        _adapter.verifyBatch(modelKey, claims, ROOT, _batchBody());
        claims = _claims();
        claims[1].part = claims[0].part;
        vm.expectRevert(MockSumcheckVerifier.OtherQuestion.selector);
        _adapter.verifyBatch(modelKey, claims, ROOT, _batchBody());
        claims[1].part = bytes.concat(claims[0].part, hex"00");
        vm.expectRevert(SumcheckSeal.SealMalformed.selector);
        _adapter.verifyBatch(modelKey, claims, ROOT, _batchBody());
    }

    function test_aBatchIsCheckedAgainstTheDataOfItsSize() public {
        _expectBatch();
        for (uint32 size; size < 20; ++size) {
            if (size == 4 || size == 16) continue;
            bytes memory body = abi.encode(size, bytes("proof"));
            vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.BatchNotRegistered.selector, size));
            _adapter.verifyBatch(modelKey, _claims(), ROOT, body);
        }
        vm.expectRevert(MockSumcheckVerifier.OtherQuestion.selector);
        _adapter.verifyBatch(modelKey, _claims(), ROOT, abi.encode(uint32(16), bytes("proof")));
        vm.expectRevert(SumcheckSeal.SealMalformed.selector);
        _adapter.verifyBatch(modelKey, _claims(), ROOT, abi.encode(uint256(4) << 32 | 4, bytes("proof")));
        vm.etch(_four, hex"00c0ffef");
        vm.expectPartialRevert(SumcheckAdapter.VerifierCodeDiffers.selector);
        _adapter.verifyBatch(modelKey, _claims(), ROOT, _batchBody());
    }

    function test_aVerifierThatAnswersForFewerIsRefused() public {
        _expectBatch();
        _verifier.setMissing(1);
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.AnswersMissing.selector, 2, 1));
        _adapter.verifyBatch(modelKey, _claims(), ROOT, _batchBody());
        _verifier.setMissing(0);
        _verifier.expect(
            ISumcheckVerifier.Established(0, 0, 0, 0),
            keccak256(abi.encode(_four, ROOT, new ISumcheckVerifier.Sample[](0), bytes("proof")))
        );
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.AnswersMissing.selector, 0, 0));
        _adapter.verifyBatch(modelKey, new BatchClaim[](0), ROOT, _batchBody());
    }

    function testFuzz_onlyTheCanonicalBodyOfABatchIsRead(uint256 position, uint8 change) public {
        _expectBatch();
        bytes memory body = _batchBody();
        position = bound(position, 0, body.length - 1);
        if (change == 0) change = 1;
        body[position] ^= bytes1(change);
        vm.expectRevert();
        _adapter.verifyBatch(modelKey, _claims(), ROOT, body);
    }

    /// @dev Nor one that commits to its input by a root: a contract is shown the input itself.
    function test_aRegistrationThatHidesItsInputIsOfNoUse() public {
        _ofNoUse("hiding", EzklFixture.inputs(), CommitmentScheme.EZKL_POSEIDON);
        _ofNoUse("rooted", EzklFixture.largeInputs(), CommitmentScheme.PUBLIC_TREE);
    }

    function _ofNoUse(string memory name, TensorSchema[] memory inputs, uint16 scheme) private {
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.verifier = _blob;
        registration.verifierCodehash = _blob.codehash;
        registration.inputScheme = scheme;
        vm.startPrank(OWNER);
        bytes32 key =
            registry.registerModel(ModelRegistration(keccak256(bytes(name)), ROYALTY, 0, inputs, ""));
        registry.addSystem(key, registration);
        vm.stopPrank();
        Statement memory statement = _statement();
        statement.model = keccak256(bytes(name));
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "input.scheme"));
        _adapter.verify(key, statement, ROOT, _body());
    }

    function _expect(ISumcheckVerifier.Established memory established) private {
        _verifier.expect(
            established,
            keccak256(abi.encode(_blob, ROOT, bytes("input_7"), bytes("outputs"), bytes("proof")))
        );
    }

    function _expectBatch() private {
        ISumcheckVerifier.Sample[] memory samples = new ISumcheckVerifier.Sample[](2);
        samples[0] = ISumcheckVerifier.Sample(3, "input_7", "outputs", "opening");
        samples[1] = ISumcheckVerifier.Sample(1, "other", "outputs", "opened");
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        _verifier.expect(
            ISumcheckVerifier.Established(registration.program, registration.key, INPUT, OUTPUT),
            keccak256(abi.encode(_four, ROOT, samples, bytes("proof")))
        );
    }

    function _claims() private view returns (BatchClaim[] memory claims) {
        claims = new BatchClaim[](2);
        claims[0] =
            BatchClaim(_statement(), 3, abi.encode(bytes("input_7"), bytes("outputs"), bytes("opening")));
        claims[1] = BatchClaim(_statement(), 1, abi.encode(bytes("other"), bytes("outputs"), bytes("opened")));
        claims[1].statement.output.value = ~OUTPUT;
    }

    function _batchBody() private pure returns (bytes memory) {
        return abi.encode(uint32(4), bytes("proof"));
    }

    function _layout() private returns (bytes memory) {
        vm.etch(_four, hex"0004");
        vm.etch(_sixteen, hex"0010");
        SumcheckBatchKey[] memory keys = new SumcheckBatchKey[](2);
        keys[0] = SumcheckBatchKey(4, _four, _four.codehash);
        keys[1] = SumcheckBatchKey(16, _sixteen, _sixteen.codehash);
        return abi.encode(keys);
    }

    function _statement() private view returns (Statement memory statement) {
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        statement.model = keccak256("model");
        statement.system = "sumcheck/v1";
        statement.program = registration.program;
        statement.key = registration.key;
        statement.input = Commitment(CommitmentScheme.PUBLIC, INPUT);
        statement.output = Commitment(CommitmentScheme.PUBLIC, OUTPUT);
        statement.nonce = 1;
    }

    function _body() private pure returns (bytes memory) {
        return abi.encode(bytes("input_7"), bytes("outputs"), bytes("proof"));
    }
}
