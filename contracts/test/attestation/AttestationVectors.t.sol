// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {AttestationDigests} from "../../src/attestation/AttestationDigests.sol";
import {IntelQuote} from "../../src/attestation/IntelQuote.sol";
import {Enrolment} from "../../src/interfaces/IAttestationKeys.sol";
import {QuoteFixture} from "../base/QuoteFixture.sol";
import {TestBase} from "../base/TestBase.sol";

/// @notice What a registry hashes, from whatever address and chain it is put.
contract Digests is EIP712 {
    constructor() EIP712("Avow attestation", "1") {}

    function document(Enrolment calldata enrolment) external view returns (bytes32) {
        return AttestationDigests.document(enrolment, address(this));
    }

    function answers(bytes32 root, uint64 time) external view returns (bytes32) {
        return _hashTypedDataV4(AttestationDigests.answers(root, time));
    }

    function measurement(bytes calldata quote) external pure returns (bytes32) {
        return IntelQuote.parse(quote).measurement;
    }
}

/// @notice The vectors that the worker, the verifier and the contracts share.
contract AttestationVectorsTest is TestBase {
    string private _json;
    bytes private _code;

    function setUp() public {
        _json = vm.readFile("../tests/vectors/tee.json");
        _code = address(new Digests()).code;
    }

    function test_everyRegistrationOfAChainHasTheSharedDigestAndReportData() public {
        uint256 checked;
        for (uint256 i; vm.keyExistsJson(_json, _at("registrations", i, "")); ++i) {
            uint256 chain = _uint("registrations", i, ".registration.chain_id");
            // A test can be put on chains of 64 bits only.
            if (chain == 0 || chain > type(uint64).max) continue;
            Digests registry = _put(chain, _word("registrations", i, ".registration.registry"));
            Enrolment memory enrolment = Enrolment({
                key: _address("registrations", i, ".address"),
                program: _word("registrations", i, ".registration.program"),
                challenge: _word("registrations", i, ".registration.challenge"),
                gpuEvidence: _word("registrations", i, ".registration.gpu"),
                tlsKey: _word("registrations", i, ".registration.tls_key"),
                notAfter: uint64(_uint("registrations", i, ".registration.not_after")),
                stake: 0
            });
            bytes32 digest = registry.document(enrolment);
            assertEq(digest, _word("registrations", i, ".digest"), "digest");
            bytes32[2] memory report = AttestationDigests.report(enrolment.key, digest);
            assertEq(
                abi.encodePacked(report[0], report[1]),
                vm.parseJsonBytes(_json, _at("registrations", i, ".report_data")),
                "report data"
            );
            ++checked;
        }
        assertTrue(checked > 0, "a registration of a chain");
    }

    function test_everyReceiptHasTheSharedDigestAndSigner() public {
        (uint256 right, uint256 refused) = (0, 0);
        for (uint256 i; vm.keyExistsJson(_json, _at("receipts", i, "")); ++i) {
            uint256 chain = _uint("receipts", i, ".chain_id");
            if (chain == 0) continue;
            Digests registry = _put(chain, _word("receipts", i, ".registry"));
            bytes32 digest =
                registry.answers(_word("receipts", i, ".root"), uint64(_uint("receipts", i, ".time")));
            assertEq(digest, _word("receipts", i, ".digest"), "digest");
            bytes memory signature = vm.parseJsonBytes(_json, _at("receipts", i, ".signature"));
            (address signer, ECDSA.RecoverError failed,) = ECDSA.tryRecover(digest, signature);
            string memory expected = vm.parseJsonString(_json, _at("receipts", i, ".signer"));
            if (keccak256(bytes(expected)) == keccak256("refused")) {
                assertTrue(failed != ECDSA.RecoverError.NoError, "refused");
                ++refused;
            } else {
                assertEq(signer, _address("receipts", i, ".signer"), "signer");
                ++right;
            }
        }
        assertTrue(right > 1 && refused > 1, "both kinds");
    }

    function test_everyMeasurementOfIntelHasTheSharedDigest() public {
        Digests reader = _put(1, bytes32(bytes20(address(0xF00))));
        bytes32[2] memory report;
        for (uint256 i; i < 2; ++i) {
            string memory kind = vm.parseJsonString(_json, _at("measurements", i, ".kind"));
            bool domain = keccak256(bytes(kind)) == keccak256("tdx");
            bytes memory quote =
                domain ? QuoteFixture.tdx4(report, 0) : QuoteFixture.sgx3(report, 0, bytes1(0x05));
            uint256[4] memory places = domain
                ? [uint256(48 + 136), 48 + 328, 48 + 376, 48 + 424]
                : [uint256(48 + 64), 48 + 128, 0, 0];
            for (uint256 j; j < (domain ? 4 : 2); ++j) {
                string memory spot = string.concat(".registers[", vm.toString(j), "]");
                bytes memory register = vm.parseJsonBytes(_json, _at("measurements", i, spot));
                for (uint256 k; k < register.length; ++k) {
                    quote[places[j] + k] = register[k];
                }
            }
            // The first 32 of 48 bytes; the rest names the kind.
            bytes memory digest = vm.parseJsonBytes(_json, _at("measurements", i, ".digest"));
            assertEq(digest.length, 48, "length");
            assertEq(reader.measurement(quote), bytes32(digest), kind);
        }
    }

    function test_aRecordsKeyIsTheSharedOne() public view {
        bytes memory list = bytes.concat(
            vm.parseJsonBytes(_json, ".record_key.measurements[0]"),
            vm.parseJsonBytes(_json, ".record_key.measurements[1]")
        );
        bytes32 program = vm.parseJsonBytes32(_json, ".record_key.program");
        bytes32 outputs = vm.parseJsonBytes32(_json, ".record_key.outputs_digest");
        assertEq(
            keccak256(bytes.concat(keccak256("avow.enclave.key.v2"), program, outputs, list)),
            vm.parseJsonBytes32(_json, ".record_key.key"),
            "key"
        );
    }

    function _put(uint256 chain, bytes32 place) private returns (Digests) {
        address registry = address(bytes20(place));
        vm.chainId(chain);
        vm.etch(registry, _code);
        return Digests(registry);
    }

    function _word(string memory list, uint256 index, string memory field) private view returns (bytes32) {
        return bytes32(vm.parseJsonBytes(_json, _at(list, index, field)));
    }

    function _address(string memory list, uint256 index, string memory field) private view returns (address) {
        return address(bytes20(_word(list, index, field)));
    }

    function _uint(string memory list, uint256 index, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(_json, _at(list, index, field));
    }

    function _at(string memory list, uint256 index, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(".", list, "[", vm.toString(index), "]", field);
    }
}
