// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market} from "../../src/Market.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {EpochTimes, IWatch, Outcome, Plant, Watcher} from "../../src/interfaces/IWatch.sol";
import {Claims} from "../../src/optimistic/Claims.sol";
import {Watch} from "../../src/optimistic/Watch.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegRequest, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {TestBase} from "../base/TestBase.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";

/// @notice What an actor remembers of a claim.
struct WatchedClaim {
    bytes32 orderId;
    uint32 epoch;
    bool wrong;
}

/// @notice Everybody around a watch at once: validators that do what they like, one that does its duty, a planter,
/// strangers, and time.
/// @dev The first validator is diligent: whatever happens, it recomputes every claim of an epoch, and moves in time.
contract WatchActor is TestBase {
    bytes4 private constant OPTIMISTIC = bytes4(keccak256("optimistic/v1"));
    bytes32 private constant SALT = keccak256("salt");

    Market public immutable market;
    Claims public immutable claims;
    Watch public immutable watch;
    bytes32 public immutable modelKey;
    address public immutable requester;
    address public immutable provider;
    address public immutable planter;
    address[] public validators;
    bytes32[] public claimIds;
    bytes32[] public exposures;
    mapping(bytes32 claimId => WatchedClaim) public claimed;

    uint256 public unlawful;
    uint256 public charged;
    uint256 public released;
    mapping(Outcome => uint256) public reached;

    int8[4] private _input = [int8(1), -2, 127, -128];
    int16[3] private _output = [int16(-300), 0, 32767];
    mapping(address => uint256) private _joins;

    constructor(
        Watch watch_,
        bytes32 modelKey_,
        address requester_,
        address provider_,
        address[] memory all
    ) {
        (watch, claims, market) = (watch_, watch_.claims(), Market(address(watch_.claims().market())));
        (modelKey, requester, provider, validators) = (modelKey_, requester_, provider_, all);
        planter = watch_.planter();
        _join(all[0]);
    }

    function claimCount() external view returns (uint256) {
        return claimIds.length;
    }

    function exposureCount() external view returns (uint256) {
        return exposures.length;
    }

    function validatorCount() external view returns (uint256) {
        return validators.length;
    }

    /// @dev A claim, wrong or right, planted or not; at most three in an epoch.
    function claim(uint256 how) external {
        uint256 count = claimIds.length;
        uint32 epoch = watch.epochAt(block.timestamp);
        if (count >= 3 && claimed[claimIds[count - 3]].epoch == epoch) return;
        bytes32 id = _deliver();
        bytes32 claimId = _statementRoot(id);
        if (how % 4 != 0) {
            vm.prank(planter);
            watch.plant(keccak256(abi.encode(claimId, SALT)));
        }
        vm.warp(block.timestamp + 1);
        claimIds.push(claimId);
        claimed[claimId] = WatchedClaim(id, watch.epochAt(block.timestamp), how % 8 < 6);
        bytes32 root = _trace(claimId).root;
        vm.prank(provider);
        claims.claim(id, 0, EzklFixture.outputBytes(_output), root);
        _beDiligent();
    }

    function join(uint256 who) external {
        address account = _other(who);
        if (watch.validatorOf(account).firstEpoch == 0) _join(account);
    }

    function depart(uint256 who, uint256 how) external {
        address account = _other(who);
        vm.prank(account);
        if (how % 12 == 0) {
            try watch.exit() {} catch {}
        } else if (how % 12 == 1) {
            try watch.unwatch(modelKey) {} catch {}
        } else {
            try watch.watch(modelKey) {} catch {}
        }
    }

    function release(uint256 who) external {
        address account = _other(who);
        vm.prank(account);
        try watch.releaseStake() {
            ++released;
        } catch {}
    }

    /// @dev A right verdict of one claim, or any word.
    function commit(uint256 who, uint256 which, bool right) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        address account = _other(who);
        uint32 epoch = claimed[claimId].epoch;
        bytes32 leaf = right ? _leaf(account, claimId) : claimId;
        vm.prank(account);
        try watch.commitVerdicts(epoch, leaf) {} catch {}
    }

    function reveal(uint256 who, uint256 ahead) external {
        address account = _other(who);
        Watcher memory stored = watch.validatorOf(account);
        if (stored.firstEpoch == 0) return;
        uint32 epoch = stored.revealed + uint32(1 + ahead % 3);
        bytes32 seed = _seed(account, epoch - (stored.firstEpoch - 1));
        vm.prank(account);
        try watch.revealSeed(epoch, seed) {} catch {}
    }

    function expose(uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        if (which % 2 == 0) claimId = _due(claimId);
        bytes memory refutation = _refutation(claimId);
        claims.commit(keccak256(abi.encode(address(watch), claimId, keccak256(refutation), SALT)));
        vm.roll(block.number + 1);
        TracedClaim memory traced = _traced(claimId);
        try watch.expose(claimed[claimId].orderId, 0, traced, refutation, SALT, SALT) {
            exposures.push(claimId);
            if (!claimed[claimId].wrong) ++unlawful;
        } catch {}
        _beDiligent();
    }

    function overturn(uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        bytes memory refutation = _refutation(claimId);
        claims.commit(keccak256(abi.encode(address(this), claimId, keccak256(refutation), SALT)));
        vm.roll(block.number + 1);
        try claims.refute(_traced(claimId), refutation, SALT) {} catch {}
        _beDiligent();
    }

    function answer(uint256 who, uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        claimId = _exposed(which, claimId);
        TracedClaim memory traced = _traced(claimId);
        address account = _other(who);
        bytes32[] memory none = new bytes32[](0);
        vm.prank(account);
        try watch.answer(traced, _refutation(claimId), SALT, none) {
            ++reached[Outcome.Found];
            if (watch.verdictRootOf(account, claimed[claimId].epoch) != _leaf(account, claimId)) ++unlawful;
        } catch {}
    }

    function chargeMiss(uint256 who, uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        claimId = _exposed(which, claimId);
        try watch.chargeMiss(claimId, validators[who % validators.length]) {
            ++reached[Outcome.Missed];
        } catch {}
    }

    function chargeSilence(uint256 who) external {
        try watch.chargeSilence(validators[who % validators.length]) {
            ++charged;
        } catch {}
    }

    function pay(uint256 who, uint256 which) external {
        (bytes32 claimId, bool some) = _claim(which);
        if (!some) return;
        claimId = _exposed(which, claimId);
        try watch.close(claimId) {} catch {}
        try watch.payBounty(claimId, validators[who % validators.length]) {
            ++reached[Outcome.Paid];
        } catch {}
    }

    function withdraw(uint256 who) external {
        try watch.withdrawFor(validators[who % validators.length]) {} catch {}
    }

    function passTime(uint256 amount) external {
        for (uint256 i; i <= amount % 8; ++i) {
            vm.warp(block.timestamp + bound(amount >> 8, 1, 10 minutes));
            vm.roll(block.number + 1);
            _beDiligent();
        }
    }

    /// @dev Bounties that are reserved for exposed plants, or owed to their finders.
    function reserved() external view returns (uint256 sum) {
        uint256 bounty = watch.parameters().bounty;
        for (uint256 i; i < claimIds.length; ++i) {
            Plant memory plant = watch.plantOf(claimIds[i]);
            if (plant.epoch == 0) continue;
            if (!plant.closed) sum += bounty;
            else sum += plant.share * _unpaid(claimIds[i]);
        }
    }

    function _unpaid(bytes32 claimId) private view returns (uint256 count) {
        for (uint256 i; i < validators.length; ++i) {
            if (watch.outcomeOf(claimId, validators[i]) == Outcome.Found) ++count;
        }
    }

    /// @dev What the diligent one does whenever it looks. None of it may be refused.
    function _beDiligent() private {
        address account = validators[0];
        uint32 epoch = watch.epochAt(block.timestamp);
        Watcher memory stored = watch.validatorOf(account);
        if (epoch >= stored.firstEpoch) {
            (bytes32 root,) = _verdicts(account, epoch, 0);
            _do(account, abi.encodeCall(IWatch.commitVerdicts, (epoch, root)));
        }
        EpochTimes memory times = watch.timesOf(stored.revealed + 1);
        if (block.timestamp > times.verdictsBy) {
            bytes32 seed = _seed(account, stored.revealed + 1 - (stored.firstEpoch - 1));
            _do(account, abi.encodeCall(IWatch.revealSeed, (stored.revealed + 1, seed)));
        }
        for (uint256 back = 1; back <= 24 && back <= claimIds.length; ++back) {
            _answerDiligently(account, claimIds[claimIds.length - back]);
        }
    }

    function _answerDiligently(address account, bytes32 claimId) private {
        Plant memory plant = watch.plantOf(claimId);
        if (plant.epoch == 0 || watch.outcomeOf(claimId, account) != Outcome.None) return;
        Watcher memory stored = watch.validatorOf(account);
        if (plant.epoch > stored.revealed || plant.epoch < stored.firstEpoch) return;
        if (block.timestamp > watch.timesOf(plant.epoch).answersBy) return;
        if (!watch.isDuty(_seed(account, plant.epoch - (stored.firstEpoch - 1)), claimId)) return;
        (, bytes32[] memory path) = _verdicts(account, plant.epoch, claimId);
        TracedClaim memory traced = _traced(claimId);
        _do(account, abi.encodeCall(IWatch.answer, (traced, _refutation(claimId), SALT, path)));
        ++reached[Outcome.Found];
    }

    /// @dev The root over the wrong claims of an epoch, and the path of one of them: a tree that leans to one side.
    function _verdicts(address account, uint32 epoch, bytes32 wanted)
        private
        view
        returns (bytes32 root, bytes32[] memory path)
    {
        bytes32[] memory siblings = new bytes32[](8);
        uint256 length;
        bool met;
        for (uint256 i; i < claimIds.length; ++i) {
            if (claimed[claimIds[i]].epoch != epoch || !claimed[claimIds[i]].wrong) continue;
            bytes32 leaf = _leaf(account, claimIds[i]);
            if (claimIds[i] == wanted) {
                met = true;
                if (root != 0) siblings[length++] = root;
            } else if (met) {
                siblings[length++] = leaf;
            }
            root = root == 0 ? leaf : _pair(root, leaf);
        }
        path = new bytes32[](length);
        for (uint256 i; i < length; ++i) {
            path[i] = siblings[i];
        }
    }

    function _pair(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return one < other ? keccak256(bytes.concat(one, other)) : keccak256(bytes.concat(other, one));
    }

    function _do(address from, bytes memory data) private {
        vm.prank(from);
        (bool success,) = address(watch).call(data);
        if (!success) ++unlawful;
    }

    function _join(address account) private {
        ++_joins[account];
        uint96 stake = watch.parameters().minimumStake * 2;
        vm.prank(account);
        watch.join(stake, _seed(account, 0));
        vm.prank(account);
        watch.watch(modelKey);
    }

    function _seed(address account, uint256 number) private view returns (bytes32 seed) {
        seed = keccak256(abi.encode("seeds of", account, _joins[account]));
        for (uint256 i = number; i < 1_000; ++i) {
            seed = keccak256(abi.encodePacked(seed));
        }
    }

    function _leaf(address account, bytes32 claimId) private view returns (bytes32) {
        bytes32 digest = keccak256(_refutation(claimId));
        return watch.verdictLeaf(account, claimed[claimId].epoch, claimId, digest, SALT);
    }

    function _trace(bytes32 claimId) private view returns (Trace memory) {
        Lie lie = claimed[claimId].wrong ? Lie.Data : Lie.None;
        return ToyTrace.build(ToyTrace.lengths(), claimId, lie, 0, 0);
    }

    function _refutation(bytes32 claimId) private view returns (bytes memory) {
        return ToyTrace.refutation(_trace(claimId), 0, 0);
    }

    function _deliver() private returns (bytes32 id) {
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

    function _statementRoot(bytes32 id) private view returns (bytes32) {
        (, bytes32 digest) = market.statementFor(id, 0, provider, _answer());
        return StatementTree.leaf(digest);
    }

    function _traced(bytes32 claimId) private view returns (TracedClaim memory) {
        (Statement memory statement,) = market.statementFor(claimed[claimId].orderId, 0, provider, _answer());
        return TracedClaim(
            statement.key,
            statement.program,
            claimId,
            _trace(claimId).root,
            statement.input.value,
            statement.output.value
        );
    }

    /// @dev Anybody but the diligent one.
    function _other(uint256 who) private view returns (address) {
        return validators[1 + who % (validators.length - 1)];
    }

    /// @dev One of the last claims that can be exposed now, or else that one.
    function _due(bytes32 otherwise) private view returns (bytes32) {
        for (uint256 back = 1; back <= 12 && back <= claimIds.length; ++back) {
            bytes32 claimId = claimIds[claimIds.length - back];
            EpochTimes memory times = watch.timesOf(claimed[claimId].epoch);
            bool open = block.timestamp > times.verdictsBy && block.timestamp <= times.revealsBy;
            if (open && watch.plantOf(claimId).epoch == 0) return claimId;
        }
        return otherwise;
    }

    /// @dev A claim that was exposed, most often one of the last; or else that one.
    function _exposed(uint256 which, bytes32 otherwise) private view returns (bytes32) {
        uint256 count = exposures.length;
        if (count == 0) return otherwise;
        uint256 last = which % 8 == 0 || count < 8 ? count : 8;
        return exposures[count - 1 - (which >> 3) % last];
    }

    /// @dev A claim, the newest rather than the others.
    function _claim(uint256 which) private view returns (bytes32, bool) {
        uint256 count = claimIds.length;
        if (count == 0) return (0, false);
        uint256 back = which % 4 == 0 ? (which >> 2) % count : (which >> 2) % (count < 6 ? count : 6);
        return (claimIds[count - 1 - back], true);
    }
}
