// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttestedKey, Enrolment, ProvenAnswer, SignedAnswer} from "../../src/interfaces/IAttestationKeys.sol";
import {QuoteVerdict} from "../../src/interfaces/IQuoteCheck.sol";
import {Contradictions} from "../../src/attestation/Contradictions.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {TestBase} from "../base/TestBase.sol";
import {QuoteFixture} from "../base/QuoteFixture.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";
import {MockQuoteCheck} from "../mocks/MockQuoteCheck.sol";
import {ToyProgram} from "../mocks/MockReferee.sol";

/// @notice What an actor remembers of a key that it registered.
/// @param genuine whether its quote is what its registrars said.
/// @param lied whether it signed a wrong answer.
struct KeyHistory {
    uint256 secret;
    address operator;
    uint256 stake;
    bytes quote;
    bool genuine;
    bool lied;
    bool seenSlashed;
}

/// @notice Everybody around attested keys at once: operators that are honest and others, registrars, accusers with
/// and without a reason, and time.
contract AttestationActor is TestBase {
    bytes4 private constant SUMCHECK = bytes4(keccak256("sumcheck/v1"));
    bytes32 private constant PLATFORM = keccak256("platform");
    uint8 private constant IMAGE = 0x11;

    Contradictions public immutable keys;
    MockQuoteCheck public immutable check;
    bytes32 public immutable modelKey;
    bytes32 public immutable model;
    bytes32 public immutable toyKey;
    bytes32 private immutable _domain;
    address public immutable governor;
    address[] public accounts;
    uint256[] public registrarKeys;
    bytes public measurements;
    KeyHistory[] private _keys;
    uint256 private _secrets = 0x1000;

    uint256 public unlawful;
    uint256 public slashedKeys;
    uint256 public disproven;
    uint256 public upheld;
    uint256 public released;

    constructor(
        Contradictions keys_,
        MockQuoteCheck check_,
        bytes32[3] memory models,
        bytes32 domain,
        address governor_,
        address[] memory accounts_,
        uint256[] memory registrarKeys_,
        bytes memory measurements_
    ) {
        measurements = measurements_;
        (keys, check, governor) = (keys_, check_, governor_);
        (modelKey, model, toyKey) = (models[0], models[1], models[2]);
        _domain = domain;
        (accounts, registrarKeys) = (accounts_, registrarKeys_);
    }

    function keyCount() external view returns (uint256) {
        return _keys.length;
    }

    function accountCount() external view returns (uint256) {
        return accounts.length;
    }

    function registrarCount() external view returns (uint256) {
        return registrarKeys.length;
    }

    function addressOf(uint256 index) public view returns (address) {
        return vm.addr(_keys[index].secret);
    }

    function register(uint256 who, uint256 stake, uint256 kind, bool genuine) external {
        if (_keys.length > 12) return;
        address operator = accounts[who % accounts.length];
        uint256 secret = ++_secrets;
        Enrolment memory enrolment;
        vm.prank(operator);
        bytes32 issued = keys.issueChallenge();
        enrolment = Enrolment({
            key: vm.addr(secret),
            program: ToyProgram.PROGRAM,
            challenge: issued,
            gpuEvidence: 0,
            tlsKey: 0,
            notAfter: uint64(block.timestamp + 8 days + stake % 20 days),
            stake: uint96(bound(stake, keys.parameters().minimumStake, 5_000_000))
        });
        bytes memory quote = QuoteFixture.tdx4(_report(enrolment), IMAGE);
        bool done;
        if (kind % 3 == 0) done = _simulated(enrolment, operator, secret);
        else if (kind % 3 == 1) done = _vouched(enrolment, operator, quote, kind);
        else done = _checked(enrolment, operator, quote, genuine);
        if (!done) return;
        KeyHistory memory history;
        (history.secret, history.operator, history.stake) = (secret, operator, enrolment.stake);
        (history.quote, history.genuine) = (quote, genuine);
        _keys.push(history);
        vm.prank(operator);
        keys.serve(enrolment.key, modelKey, ToyProgram.OUTPUTS, measurements);
        check.set(quote, genuine ? QuoteVerdict.Genuine : QuoteVerdict.Refused);
    }

    /// @dev Often of the newest key: a window is short. Collateral is missing at times, and brought for the honest.
    function disprove(uint256 which, uint256 who) external {
        if (_keys.length == 0) return;
        uint256 index = which % 2 == 0 ? _keys.length - 1 : which % _keys.length;
        KeyHistory storage history = _keys[index];
        bool outdated = history.genuine && who % 4 == 3;
        QuoteVerdict now_ = who % 4 == 1 ? QuoteVerdict.Unknown : QuoteVerdict.Refused;
        if (outdated) now_ = QuoteVerdict.Outdated;
        check.set(history.quote, now_);
        vm.prank(accounts[who % accounts.length]);
        try keys.disprove(addressOf(index), history.quote) {} catch {}
        check.set(history.quote, history.genuine ? QuoteVerdict.Genuine : QuoteVerdict.Refused);
        vm.prank(accounts[(who >> 8) % accounts.length]);
        try keys.uphold(addressOf(index), history.quote) {
            if (!history.genuine) ++unlawful;
            ++upheld;
        } catch {}
        _observe();
    }

    function settle(uint256 which) external {
        if (_keys.length == 0) return;
        try keys.settleDisproof(addressOf(which % _keys.length)) {
            if (_keys[which % _keys.length].genuine) ++unlawful;
            ++disproven;
        } catch {}
        _observe();
    }

    /// @dev An answer and a proof; with `lie` they differ, so that the key has signed something wrong.
    function contradict(uint256 which, uint256 who, uint256 number, bool lie) external {
        if (_keys.length == 0) return;
        uint256 index = which % _keys.length;
        SignedAnswer memory answer = _answer(index, number, lie);
        ProvenAnswer memory proven = _proven(answer);
        address accuser = accounts[who % accounts.length];
        bytes32 leaf = StatementTree.leaf(StatementLib.digest(answer.statement, _domain));
        vm.prank(accuser);
        keys.commit(keccak256(abi.encode(accuser, leaf, keccak256(proven.seal), bytes32(0))));
        vm.roll(block.number + 1);
        if (lie) _keys[index].lied = true;
        vm.prank(accuser);
        try keys.contradictByProof(modelKey, answer, proven, 0) {
            if (!lie) ++unlawful;
        } catch {}
        _observe();
    }

    function end(uint256 which, uint256 who, bool revoke) external {
        if (_keys.length == 0) return;
        uint256 index = which % _keys.length;
        address caller = who % 4 == 0 ? accounts[who % accounts.length] : _keys[index].operator;
        bytes memory move = revoke
            ? abi.encodeCall(keys.revokeKey, (addressOf(index)))
            : abi.encodeCall(keys.retireKey, (addressOf(index)));
        vm.prank(caller);
        (bool success,) = address(keys).call(move);
        if (success && caller != _keys[index].operator) ++unlawful;
    }

    function release(uint256 which) external {
        if (_keys.length == 0) return;
        uint256 index = which % _keys.length;
        // Its disproof is over before a key is forgotten: the doubter's bond stands nowhere else.
        try keys.settleDisproof(addressOf(index)) {
            ++disproven;
        } catch {}
        AttestedKey memory record = keys.keyOf(addressOf(index));
        (address by,,,) = keys.disproofOf(addressOf(index));
        if (by != address(0)) return;
        try keys.releaseStake(addressOf(index)) {
            if (record.slashed || block.timestamp <= record.activeFrom + 98 days) ++unlawful;
            ++released;
            _forget(index);
        } catch {
            if (record.slashed) _forget(index);
        }
    }

    function registrar(uint256 which, uint256 move, uint96 amount) external {
        address account = vm.addr(registrarKeys[which % registrarKeys.length]);
        amount = uint96(bound(amount, 1, 2_000_000));
        bytes memory data;
        if (move % 8 == 0) data = abi.encodeCall(keys.retire, ());
        else if (move % 8 == 1) data = abi.encodeCall(keys.releaseBond, ());
        else if (move % 8 < 5) data = abi.encodeCall(keys.bond, (amount));
        vm.prank(data.length == 0 ? governor : account);
        if (data.length == 0) data = abi.encodeCall(keys.appoint, (account));
        (bool success,) = address(keys).call(data);
        success;
    }

    function withdraw(uint256 who) external {
        try keys.withdrawFor(accounts[who % accounts.length]) {} catch {}
        try keys.withdrawFor(keys.BURNED()) {} catch {}
    }

    function passTime(uint256 amount) external {
        vm.warp(block.timestamp + bound(amount, 1, amount % 5 == 0 ? 40 days : 12 hours));
        vm.roll(block.number + 1);
    }

    function _simulated(Enrolment memory enrolment, address operator, uint256 secret) private returns (bool) {
        bytes memory signature = _sign(secret, _words(enrolment, operator, 0, 0));
        vm.prank(operator);
        try keys.registerSimulated(enrolment, signature) {
            return true;
        } catch {
            return false;
        }
    }

    function _vouched(Enrolment memory enrolment, address operator, bytes memory quote, uint256 dice)
        private
        returns (bool)
    {
        bytes32 words = _words(enrolment, operator, PLATFORM, keccak256(quote));
        (uint256 a, uint256 b) =
            (registrarKeys[dice % registrarKeys.length], registrarKeys[(dice / 7) % registrarKeys.length]);
        if (vm.addr(a) > vm.addr(b)) (a, b) = (b, a);
        bytes[] memory signatures = new bytes[](2);
        (signatures[0], signatures[1]) = (_sign(a, words), _sign(b, words));
        vm.prank(operator);
        try keys.registerVouched(enrolment, quote, PLATFORM, signatures) {
            if (a == b) ++unlawful;
            return true;
        } catch {
            return false;
        }
    }

    function _checked(Enrolment memory enrolment, address operator, bytes memory quote, bool genuine)
        private
        returns (bool)
    {
        check.set(quote, genuine ? QuoteVerdict.Genuine : QuoteVerdict.Refused);
        vm.prank(operator);
        try keys.registerChecked(enrolment, quote) {
            if (!genuine) ++unlawful;
            return true;
        } catch {
            return false;
        }
    }

    /// @dev It has ended for good: room for others.
    function _forget(uint256 index) private {
        _keys[index] = _keys[_keys.length - 1];
        _keys.pop();
    }

    /// @dev Each key is slashed once, and only one that lied or was registered falsely.
    function _observe() private {
        for (uint256 i; i < _keys.length; ++i) {
            KeyHistory storage history = _keys[i];
            AttestedKey memory record = keys.keyOf(addressOf(i));
            if (record.slashed && record.stake != 0) ++unlawful;
            if (history.seenSlashed && !record.slashed) ++unlawful;
            if (!record.slashed || history.seenSlashed) continue;
            history.seenSlashed = true;
            ++slashedKeys;
            if (!history.lied && history.genuine) ++unlawful;
        }
    }

    function _answer(uint256 index, uint256 number, bool lie)
        private
        view
        returns (SignedAnswer memory answer)
    {
        answer.statement = Statement({
            model: model,
            system: "tee/v1",
            program: ToyProgram.PROGRAM,
            key: keccak256("key"),
            input: Commitment(CommitmentScheme.PUBLIC, keccak256(abi.encode("input", number % 3))),
            output: Commitment(CommitmentScheme.PUBLIC, _right(number)),
            order: 0,
            provider: _keys[index].operator,
            nonce: 1 + number % 5
        });
        if (lie) answer.statement.output.value = keccak256("wrong");
        answer.path = StatementPath(0, new bytes32[](0));
        answer.domainSeparator = _domain;
        answer.time = uint64(block.timestamp);
        bytes32 root = StatementTree.leaf(StatementLib.digest(answer.statement, _domain));
        bytes32 words =
            keccak256(abi.encode(keccak256("Answers(bytes32 root,uint64 time)"), root, answer.time));
        answer.signature = _sign(_keys[index].secret, words);
    }

    function _proven(SignedAnswer memory answer) private view returns (ProvenAnswer memory proven) {
        proven.statement = abi.decode(abi.encode(answer.statement), (Statement));
        (proven.statement.system, proven.statement.key) = ("sumcheck/v1", toyKey);
        for (uint256 i; i < 3; ++i) {
            if (answer.statement.input.value != keccak256(abi.encode("input", i))) continue;
            proven.statement.output.value = _right(i);
        }
        proven.path = answer.path;
        proven.domainSeparator = _domain;
        bytes32 root = StatementTree.leaf(StatementLib.digest(proven.statement, _domain));
        proven.seal = bytes.concat(SUMCHECK, MockBatchProof.part(proven.statement, 0, root));
    }

    function _right(uint256 number) private pure returns (bytes32) {
        return keccak256(abi.encode("output", number % 3));
    }

    function _document(Enrolment memory enrolment) private view returns (bytes32) {
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

    function _report(Enrolment memory enrolment) private view returns (bytes32[2] memory) {
        bytes32 document = _document(enrolment);
        return [bytes32(bytes20(enrolment.key)) | (document >> 160), document << 96];
    }

    function _words(Enrolment memory enrolment, address operator, bytes32 platform, bytes32 quote)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256(
                    "Registration(address key,address operator,bytes32 document,bytes32 platform,bytes32 quote)"
                ),
                enrolment.key,
                operator,
                _document(enrolment),
                platform,
                quote
            )
        );
    }

    function _sign(uint256 secret, bytes32 words) private view returns (bytes memory) {
        bytes32 domain = keccak256(
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
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(secret, keccak256(abi.encodePacked(hex"1901", domain, words)));
        return abi.encodePacked(r, s, v);
    }
}
