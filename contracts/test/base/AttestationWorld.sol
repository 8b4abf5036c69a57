// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TeeAdapter} from "../../src/adapters/TeeAdapter.sol";
import {Contradictions} from "../../src/attestation/Contradictions.sol";
import {
    AttestationParameters,
    Enrolment,
    ProvenAnswer,
    Service,
    SignedAnswer,
    Tier
} from "../../src/interfaces/IAttestationKeys.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {OrderRequest} from "../../src/types/Order.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {TensorSchema} from "../../src/types/Tensor.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";
import {MockQuoteCheck, MockZkQuoteCheck} from "../mocks/MockQuoteCheck.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";
import {AttestationDeployment} from "./AttestationDeployment.sol";
import {DisputeWorld} from "./DisputeWorld.sol";
import {EzklFixture} from "./EzklFixture.sol";
import {QuoteFixture} from "./QuoteFixture.sol";

/// @notice The world with attested keys. Proofs and checks of quotes are mocks, the rest is what is deployed.
abstract contract AttestationWorld is DisputeWorld, AttestationDeployment {
    bytes4 internal constant TEE = bytes4(keccak256("tee/v1"));
    uint96 internal constant STAKE = 2_000_003;
    uint96 internal constant MINIMUM_STAKE = 1_000_000;
    uint96 internal constant REGISTRAR_BOND = 700_001;
    uint256 internal constant CHALLENGE_WINDOW = 1 days;
    uint256 internal constant MAXIMUM_AGE = 8 days;
    uint256 internal constant NOTICE = 98 days;
    uint256 internal constant KEY = 0xE11C1A7E;
    uint8 internal constant IMAGE = 0x11;
    bytes32 internal constant PLATFORM = keccak256("platform");

    Contradictions internal keys;
    TeeAdapter internal tee;
    MockQuoteCheck internal quoteCheck;
    MockZkQuoteCheck internal zkCheck;
    address internal enclave = vm.addr(KEY);
    uint256[] internal registrarKeys = [uint256(0x71), 0x72, 0x73];

    function setUpAttestation() internal {
        setUpDisputes();
        // Blocks of the past are needed for their hashes.
        vm.roll(1_000);
        keys = newAttestationKeys(market, router, claims, GOVERNOR, GUARDIAN, attestationParameters());
        tee = newTeeAdapter(registry, keys);
        quoteCheck = new MockQuoteCheck();
        zkCheck = new MockZkQuoteCheck();
        vm.startPrank(GOVERNOR);
        router.addEntry(RouterEntryConfig("tee/v1", address(tee), address(tee).codehash, 0, 200_000));
        keys.setQuoteCheck(quoteCheck);
        keys.setQuoteProofCheck(zkCheck);
        keys.approveMeasurement(QuoteFixture.measurement(IMAGE), false);
        vm.stopPrank();
        vm.prank(OWNER);
        registry.addSystem(modelKey, teeRegistration());
        for (uint256 i; i < registrarKeys.length; ++i) {
            address registrar = vm.addr(registrarKeys[i]);
            vm.prank(GOVERNOR);
            keys.appoint(registrar);
            enrich(registrar);
            vm.prank(registrar);
            token.approve(address(keys), type(uint256).max);
            vm.prank(registrar);
            keys.bond(REGISTRAR_BOND);
        }
        address[4] memory rich = [PROVIDER, RIVAL, VALIDATOR, STRANGER];
        for (uint256 i; i < rich.length; ++i) {
            vm.prank(rich[i]);
            token.approve(address(keys), type(uint256).max);
        }
    }

    function attestationParameters() internal pure returns (AttestationParameters memory) {
        return AttestationParameters(MINIMUM_STAKE, REGISTRAR_BOND, uint32(CHALLENGE_WINDOW), 2);
    }

    function teeRegistration() internal view returns (SystemRegistration memory registration) {
        registration = systemRegistration("tee/v1");
        registration.program = ToyProgram.PROGRAM;
        registration.key = enclaveKey(ToyProgram.PROGRAM, measurements());
        registration.verifier = address(keys);
        registration.verifierCodehash = address(keys).codehash;
    }

    /// @dev What the owner of the model allows: another image, and ours.
    function measurements() internal pure returns (bytes memory) {
        return bytes.concat(
            QuoteFixture.measurement(0x99), bytes16("tdx"), QuoteFixture.measurement(IMAGE), bytes16("tdx")
        );
    }

    function enclaveKey(bytes32 program, bytes memory list) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256("avow.enclave.key.v2"), program, ToyProgram.OUTPUTS, list));
    }

    /// @dev A further model of the same program, without any system.
    function bareModel(string memory name) internal returns (bytes32) {
        return bareModelOf(name, EzklFixture.inputs());
    }

    function bareModelOf(string memory name, TensorSchema[] memory inputs) internal returns (bytes32 key) {
        vm.prank(OWNER);
        key = registry.registerModel(ModelRegistration(keccak256(bytes(name)), ROYALTY, 500, inputs, ""));
    }

    function challengeFor(address operator) internal returns (bytes32) {
        vm.prank(operator);
        return keys.issueChallenge();
    }

    function enrolmentOf(address operator, uint256 secret) internal returns (Enrolment memory) {
        return Enrolment({
            key: vm.addr(secret),
            program: ToyProgram.PROGRAM,
            challenge: challengeFor(operator),
            gpuEvidence: keccak256("gpu"),
            tlsKey: keccak256("tls"),
            notAfter: uint64(block.timestamp + 30 days),
            stake: STAKE
        });
    }

    function documentOf(Enrolment memory enrolment) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                uint16(1),
                enrolment.program,
                block.chainid,
                address(keys),
                enrolment.challenge,
                enrolment.gpuEvidence,
                enrolment.tlsKey,
                enrolment.notAfter
            )
        );
    }

    function reportOf(Enrolment memory enrolment) internal view returns (bytes32[2] memory words) {
        bytes memory report = abi.encodePacked(enrolment.key, documentOf(enrolment), new bytes(12));
        assembly ("memory-safe") {
            mstore(words, mload(add(report, 32)))
            mstore(add(words, 32), mload(add(report, 64)))
        }
    }

    function quoteFor(Enrolment memory enrolment) internal view returns (bytes memory) {
        return QuoteFixture.tdx4(reportOf(enrolment), IMAGE);
    }

    function domainOfKeys() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Avow attestation"),
                keccak256("1"),
                block.chainid,
                address(keys)
            )
        );
    }

    function signed(uint256 secret, bytes32 words) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(secret, keccak256(abi.encodePacked(hex"1901", domainOfKeys(), words)));
        return abi.encodePacked(r, s, v);
    }

    function registrationWords(
        Enrolment memory enrolment,
        address operator,
        bytes32 platform,
        bytes memory quote
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Registration(address key,address operator,bytes32 document,bytes32 platform,bytes32 quote)"
                ),
                enrolment.key,
                operator,
                documentOf(enrolment),
                platform,
                quote.length == 0 ? bytes32(0) : keccak256(quote)
            )
        );
    }

    /// @dev Signatures of the first registrars, by ascending accounts.
    function vouch(Enrolment memory enrolment, address operator, bytes memory quote, uint256 count)
        internal
        view
        returns (bytes[] memory signatures)
    {
        uint256[] memory secrets = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            uint256 place = i;
            while (place > 0 && vm.addr(secrets[place - 1]) > vm.addr(registrarKeys[i])) {
                secrets[place] = secrets[place - 1];
                --place;
            }
            secrets[place] = registrarKeys[i];
        }
        bytes32 words = registrationWords(enrolment, operator, PLATFORM, quote);
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = signed(secrets[i], words);
        }
    }

    function registerSimulated(address operator, uint256 secret) internal {
        Enrolment memory enrolment = enrolmentOf(operator, secret);
        bytes memory signature = signed(secret, registrationWords(enrolment, operator, 0, ""));
        vm.prank(operator);
        keys.registerSimulated(enrolment, signature);
    }

    function registerVouched(address operator, uint256 secret) internal returns (bytes memory quote) {
        Enrolment memory enrolment = enrolmentOf(operator, secret);
        quote = quoteFor(enrolment);
        bytes[] memory signatures = vouch(enrolment, operator, quote, 2);
        vm.prank(operator);
        keys.registerVouched(enrolment, quote, PLATFORM, signatures);
    }

    /// @dev A key that registrars vouched for, past its window, which serves the model.
    function activeKey(address operator, uint256 secret) internal {
        registerVouched(operator, secret);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        serve(operator, secret);
    }

    function serve(address operator, uint256 secret) internal {
        vm.prank(operator);
        keys.serve(vm.addr(secret), modelKey, ToyProgram.OUTPUTS, measurements());
    }

    function teeTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.legs[0].selectors = TEE;
    }

    function sealBody(uint256 secret, bytes32 root, uint64 time) internal view returns (bytes memory) {
        bytes32 words = keccak256(abi.encode(keccak256("Answers(bytes32 root,uint64 time)"), root, time));
        return bytes.concat(bytes8(time), signed(secret, words));
    }

    function teeSeal(uint256 secret, bytes32 orderId) internal view returns (bytes memory) {
        return bytes.concat(TEE, sealBody(secret, rootOf(orderId, 0), uint64(block.timestamp)));
    }

    function settleTee(bytes32 orderId, bytes memory seal) internal {
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        market.settle(orderId, 0, answer, singlePath(), seal);
    }

    /// @dev The answer of a delivered leg as its key signed it now.
    function signedAnswer(uint256 secret, bytes32 orderId) internal view returns (SignedAnswer memory) {
        (Statement memory statement,) =
            market.statementFor(orderId, 0, market.orderOf(orderId).provider, outputCommitment());
        return signedStatement(secret, statement);
    }

    function signedStatement(uint256 secret, Statement memory statement)
        internal
        view
        returns (SignedAnswer memory answer)
    {
        answer.statement = statement;
        answer.path = StatementPath(0, new bytes32[](0));
        answer.domainSeparator = market.domainSeparator();
        answer.time = uint64(block.timestamp);
        bytes32 root = StatementTree.leaf(StatementLib.digest(statement, answer.domainSeparator));
        bytes memory body = sealBody(secret, root, answer.time);
        answer.signature = new bytes(65);
        for (uint256 i; i < 65; ++i) {
            answer.signature[i] = body[8 + i];
        }
    }

    /// @dev A mock proof that the same question has another answer.
    function provenOtherwise(SignedAnswer memory answer, bytes32 value)
        internal
        view
        returns (ProvenAnswer memory proven)
    {
        Statement memory statement = abi.decode(abi.encode(answer.statement), (Statement));
        statement.system = "sumcheck/v1";
        statement.key = toyKey;
        statement.output = Commitment(CommitmentScheme.PUBLIC, value);
        return provenStatement(statement);
    }

    function provenStatement(Statement memory statement) internal view returns (ProvenAnswer memory proven) {
        proven.statement = statement;
        proven.path = StatementPath(0, new bytes32[](0));
        proven.domainSeparator = market.domainSeparator();
        bytes32 root = StatementTree.leaf(StatementLib.digest(statement, proven.domainSeparator));
        proven.seal = bytes.concat(SUMCHECK, MockBatchProof.part(statement, 0, root));
    }

    function leafOf(SignedAnswer memory answer) internal pure returns (bytes32) {
        return StatementTree.leaf(StatementLib.digest(answer.statement, answer.domainSeparator));
    }

    function commitTo(address who, SignedAnswer memory answer, ProvenAnswer memory proven) internal {
        bytes32 commitment = keccak256(abi.encode(who, leafOf(answer), keccak256(proven.seal), bytes32(0)));
        vm.prank(who);
        keys.commit(commitment);
        nextBlock();
    }

    function assertTier(uint256 secret, Tier expected) internal view {
        assertEq(uint256(keys.keyOf(vm.addr(secret)).tier), uint256(expected), "tier");
    }

    function assertService(uint256 secret, bytes32 model, Service expected) internal view {
        assertEq(uint256(keys.serviceOf(vm.addr(secret), model)), uint256(expected), "service");
    }
}
