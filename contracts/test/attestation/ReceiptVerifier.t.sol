// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ReceiptVerifier} from "../../src/attestation/ReceiptVerifier.sol";
import {IAttestationKeys, SignedAnswer, Tier} from "../../src/interfaces/IAttestationKeys.sol";
import {IProofVerifier} from "../../src/interfaces/IProofVerifier.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Statement} from "../../src/types/Statement.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";

/// @notice Receipts, for contracts that know no market.
contract ReceiptVerifierTest is AttestationWorld {
    bytes32 private constant INPUT = keccak256("input");
    bytes32 private constant OUTPUT = keccak256("output");

    ReceiptVerifier private _verifier;

    function setUp() public {
        setUpAttestation();
        activeKey(PROVIDER, KEY);
        _verifier = newReceiptVerifier(keys, Tier.Registrar);
    }

    function test_aReceiptIsAccepted() public view {
        assertTrue(_verify(INPUT, OUTPUT, _metadata(Tier.Registrar), _answer(KEY)), "accepted");
    }

    function test_aReceiptOfSomethingElseIsNot() public view {
        SignedAnswer memory answer = _answer(KEY);
        bytes memory metadata = _metadata(Tier.Registrar);
        assertTrue(!_verify(keccak256("other"), OUTPUT, metadata, answer), "input");
        assertTrue(!_verify(INPUT, keccak256("other"), metadata, answer), "output");
        assertTrue(!_verify(INPUT, OUTPUT, abi.encode(keccak256("other"), Tier.Registrar), answer), "program");
    }

    function test_aStatementOfAnotherSystemOrSchemeIsNot() public view {
        for (uint256 i; i < 4; ++i) {
            Statement memory statement = _answer(KEY).statement;
            if (i == 0) statement.system = "sumcheck/v1";
            else if (i == 1) statement.input.scheme = CommitmentScheme.SALTED;
            else if (i == 2) statement.output.scheme = CommitmentScheme.SALTED;
            // Which model it is of nobody here knows, and no proof would contradict it.
            else statement.input.scheme = CommitmentScheme.PUBLIC_TREE;
            SignedAnswer memory answer = signedStatement(KEY, statement);
            assertTrue(!_verify(INPUT, OUTPUT, _metadata(Tier.Registrar), answer), "accepted");
        }
    }

    /// @dev The statement may say any program; the key is registered for one.
    function test_aKeyOfAnotherProgramIsNot() public view {
        Statement memory statement = _answer(KEY).statement;
        statement.program = keccak256("other");
        SignedAnswer memory answer = signedStatement(KEY, statement);
        bytes memory metadata = abi.encode(keccak256("other"), Tier.Registrar);
        assertTrue(!_verify(INPUT, OUTPUT, metadata, answer), "accepted");
    }

    function test_theMetadataCanAskForMoreAndNeverForLess() public {
        assertTrue(!_verify(INPUT, OUTPUT, _metadata(Tier.OnchainDcap), _answer(KEY)), "stronger");
        bytes memory proof = abi.encode(_answer(KEY));
        vm.expectRevert(
            abi.encodeWithSelector(ReceiptVerifier.TierTooLow.selector, Tier.Simulated, Tier.Registrar)
        );
        _verifier.verify(INPUT, OUTPUT, _metadata(Tier.Simulated), proof);
    }

    function test_simulatedKeysGiveNoReceipts() public {
        registerSimulated(PROVIDER, KEY + 1);
        assertTrue(!_verify(INPUT, OUTPUT, _metadata(Tier.Registrar), _answer(KEY + 1)), "accepted");
        vm.expectRevert(
            abi.encodeWithSelector(ReceiptVerifier.TierTooLow.selector, Tier.Simulated, Tier.Registrar)
        );
        new ReceiptVerifier(keys, Tier.Simulated);
    }

    function test_aKeyThatDoesNotStandGivesNoReceipt() public {
        bytes memory proof = abi.encode(_answer(KEY));
        vm.prank(PROVIDER);
        keys.revokeKey(enclave);
        vm.expectPartialRevert(IAttestationKeys.KeyIsRevoked.selector);
        _verifier.verify(INPUT, OUTPUT, _metadata(Tier.Registrar), proof);
    }

    function test_itNamesItselfAsTheDraftAsks() public {
        assertEq(bytes(_verifier.proofSystem()), bytes("tee/avow-v1"), "system");
        ReceiptVerifier stronger = newReceiptVerifier(keys, Tier.OnchainDcap);
        assertTrue(_verifier.proofProfile() != stronger.proofProfile(), "profile");
        assertTrue(_verifier.supportsInterface(type(IProofVerifier).interfaceId), "interface");
        assertTrue(_verifier.supportsInterface(type(IERC165).interfaceId), "ERC-165");
        assertTrue(!_verifier.supportsInterface(0xffffffff), "never");
        assertEq(
            bytes32(type(IProofVerifier).interfaceId),
            bytes32(
                bytes4(keccak256("verify(bytes32,bytes32,bytes,bytes)")) ^ bytes4(keccak256("proofSystem()"))
                    ^ bytes4(keccak256("proofProfile()"))
            ),
            "interface id"
        );
    }

    function _verify(bytes32 input_, bytes32 output_, bytes memory metadata, SignedAnswer memory answer)
        private
        view
        returns (bool)
    {
        return _verifier.verify(input_, output_, metadata, abi.encode(answer));
    }

    function _metadata(Tier least) private pure returns (bytes memory) {
        return abi.encode(ToyProgram.PROGRAM, least);
    }

    function _answer(uint256 secret) private view returns (SignedAnswer memory) {
        return signedStatement(
            secret,
            Statement({
                model: keccak256("model"),
                system: "tee/v1",
                program: ToyProgram.PROGRAM,
                key: keccak256("key"),
                input: Commitment(CommitmentScheme.PUBLIC, INPUT),
                output: Commitment(CommitmentScheme.PUBLIC, OUTPUT),
                order: 0,
                provider: address(0),
                nonce: 7
            })
        );
    }
}
