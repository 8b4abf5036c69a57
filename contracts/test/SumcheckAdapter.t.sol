// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SumcheckAdapter} from "../src/adapters/SumcheckAdapter.sol";
import {SumcheckSeal} from "../src/adapters/SumcheckSeal.sol";
import {IModelRegistry, SystemRegistration} from "../src/interfaces/IModelRegistry.sol";
import {ISumcheckVerifier} from "../src/interfaces/ISumcheckVerifier.sol";
import {Commitment, CommitmentScheme} from "../src/types/Commitment.sol";
import {Statement} from "../src/types/Statement.sol";
import {MarketWorld} from "./base/MarketWorld.sol";

/// @notice Establishes what it was told to, when it is asked about the right data, root and byte strings.
contract MockSumcheckVerifier is ISumcheckVerifier {
    error OtherQuestion();

    Established private _established;
    bytes32 private _question;

    function expect(Established calldata established, bytes32 question) external {
        (_established, _question) = (established, question);
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

    function verifyBatch(address, bytes32, Sample[] calldata, bytes calldata)
        external
        pure
        returns (Established[] memory)
    {
        revert OtherQuestion();
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

    function setUp() public {
        setUpWorld();
        _verifier = new MockSumcheckVerifier();
        _adapter = newSumcheckAdapter(registry, _verifier);
        vm.etch(_blob, hex"00c0ffee");
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.verifier = _blob;
        registration.verifierCodehash = _blob.codehash;
        registration.proofLayout = "";
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

    function test_aRegistrationThatHidesItsInputIsOfNoUse() public {
        SystemRegistration memory registration = systemRegistration("sumcheck/v1");
        registration.verifier = _blob;
        registration.verifierCodehash = _blob.codehash;
        registration.inputScheme = CommitmentScheme.EZKL_POSEIDON;
        bytes32 key = registerModel(OWNER, "hiding");
        vm.prank(OWNER);
        registry.addSystem(key, registration);
        Statement memory statement = _statement();
        statement.model = keccak256("hiding");
        vm.expectRevert(abi.encodeWithSelector(SumcheckAdapter.StatementDiffers.selector, "input.scheme"));
        _adapter.verify(key, statement, ROOT, _body());
    }

    function _expect(ISumcheckVerifier.Established memory established) private {
        _verifier.expect(
            established,
            keccak256(abi.encode(_blob, ROOT, bytes("input_7"), bytes("outputs"), bytes("proof")))
        );
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
