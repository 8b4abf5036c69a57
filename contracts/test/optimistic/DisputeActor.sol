// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market} from "../../src/Market.sol";
import {ClaimState, IClaims, Turn} from "../../src/interfaces/IClaims.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {Claims} from "../../src/optimistic/Claims.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegRequest, OrderRequest} from "../../src/types/Order.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {Players} from "../base/Players.sol";
import {TestBase} from "../base/TestBase.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";
import {Lie, ToyTrace, Trace} from "./ToyTrace.sol";

/// @notice What an actor remembers of a claim that it made.
struct ClaimHistory {
    bytes32 orderId;
    address provider;
    Lie lie;
    bool late;
    ClaimState state;
    uint256 ends;
}

/// @notice Everybody in disputes at once: honest and lying providers, challengers that know what they do and
/// others that do not, strangers, and time.
/// @dev A provider is `late` when it let a clock run out; only then an honest one may lose its claim. Every lie is
/// one of the trace: the answers are right, so that each of them can be proven.
contract DisputeActor is TestBase {
    bytes4 private constant OPTIMISTIC = bytes4(keccak256("optimistic/v1"));
    bytes4 private constant SUMCHECK = bytes4(keccak256("sumcheck/v1"));

    Market public immutable market;
    Claims public immutable claims;
    bytes32 public immutable modelKey;
    address public immutable requester;
    address[] public providers;
    address[] public challengers;
    bytes32[] public claimIds;
    mapping(bytes32 claimId => ClaimHistory) public historyOf;
    mapping(bytes32 claimId => mapping(address challenger => bool)) public lateAtProof;

    uint256 public bondsIn;
    uint256 public challengeBondsIn;
    uint256 public overturned;
    uint256 public unlawful;
    uint256 public honestLost;
    uint256 public unjust;
    uint256 public lateAtProofs;
    uint256 public freedByProofs;
    mapping(Turn => uint256) public reached;
    mapping(ClaimState => uint256) public ended;

    int8[4] private _input = [int8(1), -2, 127, -128];
    int16[3] private _output = [int16(-300), 0, 32767];

    constructor(
        Market market_,
        Claims claims_,
        bytes32 modelKey_,
        address requester_,
        address[] memory providers_,
        address[] memory challengers_
    ) {
        (market, claims, modelKey, requester) = (market_, claims_, modelKey_, requester_);
        (providers, challengers) = (providers_, challengers_);
    }

    function claimCount() external view returns (uint256) {
        return claimIds.length;
    }

    function challengerCount() external view returns (uint256) {
        return challengers.length;
    }

    function providerCount() external view returns (uint256) {
        return providers.length;
    }

    /// @dev A delivered order and its claim, half of them honest; few at a time, so that something happens to each.
    function claim(uint256 who, uint256 lie, uint256 where) external {
        if (_standing() > 4) return;
        address provider = providers[who % providers.length];
        bytes32 id = _deliver(provider);
        bytes32 claimId = _statementRoot(id, provider);
        ClaimHistory storage history = historyOf[claimId];
        (history.orderId, history.provider) = (id, provider);
        if (lie % 2 == 1) history.lie = Lie(1 + (lie >> 8) % 7);
        Trace memory trace = _trace(claimId);
        bytes32 root = where % 2 == 0 ? bytes32(0) : trace.root;
        vm.prank(provider);
        try claims.claim(id, 0, EzklFixture.outputBytes(_output), root) {
            claimIds.push(claimId);
            bondsIn += claims.parametersOf(0).claimBond;
        } catch {
            ++unlawful;
        }
        _observe();
    }

    function open(uint256 which, uint256 who) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        TracedClaim memory traced = _traced(claimId);
        // A root that was left out may be named by zero for ever.
        if (claims.claimOf(claimId).lazy && (who >> 8) % 2 == 0) traced.traceRoot = 0;
        vm.prank(challengers[who % challengers.length]);
        try claims.open(traced) {
            challengeBondsIn += claims.parametersOf(0).challengeBond;
            vm.roll(block.number + 1);
        } catch {}
        _observe();
    }

    /// @dev The next move of a challenge, by whoever has it; with `blunder` the challenger picks at random.
    function move(uint256 which, uint256 who, uint256 wish, bool blunder) public {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        address challenger = challengers[who % challengers.length];
        Trace memory trace = _trace(claimId);
        ++reached[claims.challengeOf(claimId, challenger).turn];
        bytes memory data = Players.answer(claims, claimId, challenger, trace);
        if (data.length != 0) {
            _send(historyOf[claimId].provider, data);
        } else {
            TracedClaim memory traced = _traced(claimId);
            Trace memory right = blunder ? trace : ToyTrace.build(trace.lengths, claimId, Lie.None, 0, 0);
            data = Players.challenge(claims, traced, challenger, trace, right, wish);
            if (data.length != 0) _send(challenger, data);
        }
        _observe();
    }

    /// @dev Several moves in a row, so that games come to their end.
    function play(uint256 which, uint256 who, uint256 wish, uint8 moves) external {
        for (uint256 i; i < moves % 8; ++i) {
            move(which, who, wish, wish % 4 == 0);
        }
    }

    /// @dev A committed refutation of any chunk, true or not.
    function refute(uint256 which, uint256 who, uint32 tensor, uint32 chunk) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        Trace memory trace = _trace(claimId);
        tensor = tensor % uint32(trace.lengths.length);
        chunk = chunk % ((trace.lengths[tensor] + 255) / 256);
        (uint32 badTensor, uint32 badChunk) = _where(claimId);
        if (who % 2 == 0) (tensor, chunk) = (badTensor, badChunk);
        bytes memory refutation = ToyTrace.refutation(trace, tensor, chunk);
        address refuter = challengers[who % challengers.length];
        vm.prank(refuter);
        claims.commit(keccak256(abi.encode(refuter, claimId, keccak256(refutation), bytes32(0))));
        vm.roll(block.number + 1);
        TracedClaim memory traced = _traced(claimId);
        _send(refuter, abi.encodeCall(IClaims.refute, (traced, refutation, 0)));
        _observe();
    }

    function timeout(uint256 which, uint256 who) external {
        (bytes32 claimId, bool some) = _claim(which << 2);
        if (!some) return;
        address challenger = challengers[who % challengers.length];
        Turn turn = claims.challengeOf(claimId, challenger).turn;
        try claims.timeout(claimId, challenger) {
            if (turn != Turn.Pick && turn != Turn.Refutation) historyOf[claimId].late = true;
        } catch {}
        _observe();
    }

    function prove(uint256 which, bool foreign) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        bytes32 proven = foreign ? claimIds[0] : claimId;
        bytes memory seal = _seal(proven);
        if (claims.claimOf(claimId).state == ClaimState.Standing) _noteLate(claimId);
        try claims.prove(historyOf[claimId].orderId, 0, seal) {
            if (proven != claimId) ++unlawful;
        } catch {}
        _observe();
    }

    function finish(uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which << 2);
        if (!some) return;
        bool lawful = claims.isFinal(claimId) && claims.claimOf(claimId).state == ClaimState.Standing;
        try claims.finish(claimId) {
            if (!lawful) ++unlawful;
        } catch {}
        _observe();
    }

    function reclaim(uint256 which, uint256 who) external {
        (bytes32 claimId, bool some) = _claim(which << 2);
        if (!some) return;
        address challenger = challengers[who % challengers.length];
        uint256 before = claims.creditOf(challenger);
        try claims.reclaim(claimId, challenger) {
            bool proven = claims.claimOf(claimId).state == ClaimState.Upheld;
            bool late = proven && lateAtProof[claimId][challenger];
            address due = late ? historyOf[claimId].provider : challenger;
            uint256 gained = claims.creditOf(challenger) - before;
            if (gained != (due == challenger ? claims.parametersOf(0).challengeBond : 0)) ++unjust;
            if (late) ++lateAtProofs;
            else if (proven) ++freedByProofs;
        } catch {}
        _observe();
    }

    function withdraw(uint256 who) external {
        address account = who % 2 == 0 ? challengers[(who >> 1) % challengers.length] : claims.BURNED();
        try claims.withdrawFor(account) {} catch {}
    }

    function passTime(uint256 amount) external {
        vm.warp(block.timestamp + bound(amount, 1, amount % 3 == 0 ? 90 minutes : 10 minutes));
        vm.roll(block.number + 1);
    }

    /// @dev Whose own clock has run out, should the claim be proven now.
    function _noteLate(bytes32 claimId) private {
        for (uint256 i; i < challengers.length; ++i) {
            Turn turn = claims.challengeOf(claimId, challengers[i]).turn;
            lateAtProof[claimId][challengers[i]] = (turn == Turn.Pick || turn == Turn.Refutation)
                && block.timestamp > claims.deadlineOf(claimId, challengers[i]);
        }
    }

    function _observe() private {
        for (uint256 i; i < claimIds.length; ++i) {
            ClaimHistory storage history = historyOf[claimIds[i]];
            ClaimState state = claims.claimOf(claimIds[i]).state;
            if (state == history.state) continue;
            if (history.state != ClaimState.None && history.state != ClaimState.Standing) ++unlawful;
            history.state = state;
            if (state == ClaimState.Standing) continue;
            ++history.ends;
            ++ended[state];
            if (state != ClaimState.Overturned) continue;
            ++overturned;
            if (history.lie == Lie.None && !history.late) ++honestLost;
        }
    }

    function _send(address from, bytes memory data) private {
        vm.prank(from);
        (bool success,) = address(claims).call(data);
        success;
    }

    function _deliver(address provider) private returns (bytes32 id) {
        OrderRequest memory order;
        order.modelKey = modelKey;
        order.input = Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(_input));
        order.inputData = EzklFixture.inputBytes(_input);
        order.legs = new LegRequest[](1);
        order.legs[0] = LegRequest(OPTIMISTIC, uint64(block.timestamp + 1 days), 10_000);
        (order.price, order.bond) = (1_000, 1_000);
        order.lockDeadline = uint64(block.timestamp + 1 hours);
        vm.prank(requester);
        id = market.request(order);
        vm.prank(provider);
        market.lock(id);
        vm.prank(provider);
        market.deliver(id, 0, OPTIMISTIC, _answer(), 0, "");
    }

    function _answer() private view returns (Commitment memory) {
        return Commitment(CommitmentScheme.PUBLIC, EzklFixture.outputDigest(_output));
    }

    function _statementRoot(bytes32 id, address provider) private view returns (bytes32) {
        (, bytes32 digest) = market.statementFor(id, 0, provider, _answer());
        return StatementTree.leaf(digest);
    }

    function _traced(bytes32 claimId) private view returns (TracedClaim memory) {
        ClaimHistory storage history = historyOf[claimId];
        (Statement memory statement,) = market.statementFor(history.orderId, 0, history.provider, _answer());
        bytes32 root = _trace(claimId).root;
        TracedClaim memory traced = TracedClaim(
            statement.key, statement.program, claimId, root, statement.input.value, statement.output.value
        );
        // A lazy claim is named without a root until it has one.
        if (claims.claimOf(claimId).lazy) traced.traceRoot = claims.postedRootOf(claimId);
        return traced;
    }

    function _trace(bytes32 claimId) private view returns (Trace memory) {
        (uint32 tensor, uint32 chunk) = _where(claimId);
        return ToyTrace.build(ToyTrace.lengths(), claimId, historyOf[claimId].lie, tensor, chunk);
    }

    /// @dev Where a lie stands: in a tensor of forty chunks, or of seventeen, beside which there is padding.
    function _where(bytes32 claimId) private view returns (uint32 tensor, uint32 chunk) {
        Lie lie = historyOf[claimId].lie;
        tensor = lie == Lie.Beyond || lie == Lie.Tail ? 2 : 3;
        chunk = uint32(uint256(claimId) % (tensor == 2 ? 17 : 40));
    }

    function _seal(bytes32 claimId) private view returns (bytes memory) {
        ClaimHistory storage history = historyOf[claimId];
        (Statement memory statement,) = market.statementFor(history.orderId, 0, history.provider, _answer());
        statement.system = "sumcheck/v1";
        bytes32 root = StatementTree.leaf(StatementLib.digest(statement, market.domainSeparator()));
        return bytes.concat(SUMCHECK, MockBatchProof.part(statement, 0, root));
    }

    /// @dev A claim, the newest rather than the others.
    function _claim(uint256 which) private view returns (bytes32, bool) {
        uint256 count = claimIds.length;
        if (count == 0) return (0, false);
        uint256 back = which % 4 == 0 ? (which >> 2) % count : (which >> 2) % (count < 3 ? count : 3);
        return (claimIds[count - 1 - back], true);
    }

    function _standing() private view returns (uint256 count) {
        for (uint256 i; i < claimIds.length; ++i) {
            if (claims.claimOf(claimIds[i]).state == ClaimState.Standing) ++count;
        }
    }
}
