// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {Claim, ClaimParameters, ClaimState} from "../interfaces/IClaims.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {SystemClaim} from "../interfaces/IModelRegistry.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {TracedClaim} from "../interfaces/IReferee.sol";
import {Ledger} from "../money/Ledger.sol";
import {Commitment, CommitmentScheme} from "../types/Commitment.sol";
import {Leg, LegState, Order} from "../types/Order.sol";
import {Statement, StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";
import {TensorLib} from "../types/Tensor.sol";
import {ClaimParametersLib, ClaimTerms} from "./ClaimTerms.sol";

/// @title Claims from the delivery of an answer to their one end
/// @notice What is claimed is the market's own statement of a delivered leg; nothing of it comes from the
/// provider but the trace root.
abstract contract ClaimBook is IClaims, Ledger, ClaimTerms {
    bytes4 public constant SELECTOR = bytes4(keccak256("optimistic/v1"));
    bytes4 public constant PROOF_SELECTOR = bytes4(keccak256("sumcheck/v1"));
    /// @notice Most moves of both sides of a challenge together, with trees of at most 20 levels.
    uint256 public constant MAXIMUM_MOVES = 22;
    /// @notice What is burned is a credit of this account, which nobody has the key of; anyone can send it there.
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    IAvowMarket public immutable market;
    IProofRouter public immutable router;
    mapping(bytes32 claimId => Claim) internal _claims;
    /// @inheritdoc IClaims
    mapping(bytes32 claimId => bytes32) public postedRootOf;
    /// @inheritdoc IClaims
    mapping(bytes32 modelKey => bool) public isLearned;

    constructor(IAvowMarket market_, IProofRouter router_) {
        market = market_;
        router = router_;
    }

    /// @inheritdoc IClaims
    function claim(bytes32 orderId, uint8 leg, bytes calldata output, bytes32 traceRoot)
        external
        nonReentrant
        returns (bytes32 claimId)
    {
        Order memory order = market.orderOf(orderId);
        Leg memory delivered = market.legOf(orderId, leg);
        if (delivered.state != LegState.Delivered || delivered.selector != SELECTOR) {
            revert NotClaimable(orderId, leg);
        }
        if (msg.sender != order.provider) revert NotProvider(orderId, msg.sender);
        if (!isLearned[order.modelKey]) revert ModelNotLearned(order.modelKey);
        // A refutation opens the inputs themselves, or their roots.
        if (!CommitmentScheme.isPublic(order.inputScheme)) revert InputSchemeNotPublic(order.inputScheme);
        _checkOutput(order.modelKey, delivered.outputValue, output);

        TracedClaim memory traced = _traced(orderId, leg, delivered.outputValue, traceRoot);
        claimId = traced.statementRoot;
        if (_claims[claimId].state != ClaimState.None) revert AlreadyClaimed(claimId);
        (Claim memory made, uint256 bond) = _underTerms(order, delivered, traced);
        _claims[claimId] = made;
        _announce(orderId, leg, order.modelKey, traced, output, made);
        _collect(msg.sender, bond);
    }

    /// @inheritdoc IClaims
    function prove(bytes32 orderId, uint8 leg, bytes calldata seal) external nonReentrant {
        Order memory order = market.orderOf(orderId);
        Leg memory delivered = market.legOf(orderId, leg);
        if (delivered.selector != SELECTOR) revert NotClaimable(orderId, leg);
        (Statement memory statement, bytes32 digest) = market.statementFor(
            orderId, leg, order.provider, Commitment(delivered.outputScheme, delivered.outputValue)
        );
        bytes32 claimId = StatementTree.leaf(digest);
        Claim storage claim_ = _undecided(claimId);

        _checkProof(order, statement, seal);

        // Who was late before this moment stays late.
        claim_.windowEnd = uint40(block.timestamp);
        emit ClaimProven(claimId);
        _uphold(claimId, claim_);
    }

    /// @inheritdoc IClaims
    function finish(bytes32 claimId) external nonReentrant {
        Claim storage claim_ = _claims[claimId];
        if (claim_.state != ClaimState.Standing) revert ClaimNotStanding(claimId, claim_.state);
        if (!isFinal(claimId)) revert ClaimNotFinal(claimId);
        _uphold(claimId, claim_);
    }

    /// @inheritdoc IClaims
    function claimOf(bytes32 claimId) external view returns (Claim memory claim_) {
        claim_ = _claims[claimId];
        if (claim_.state == ClaimState.Overturned) claim_.open = 0;
    }

    /// @inheritdoc IClaims
    function isOverturned(bytes32 claimId) external view returns (bool) {
        return _claims[claimId].state == ClaimState.Overturned;
    }

    /// @inheritdoc IClaims
    function overturnedAt(bytes32 claimId) external view returns (uint256) {
        Claim storage claim_ = _claims[claimId];
        if (claim_.state != ClaimState.Overturned) return 0;
        return _earliest(claim_) + claim_.open;
    }

    /// @inheritdoc IClaims
    function isFinal(bytes32 claimId) public view returns (bool) {
        Claim storage claim_ = _claims[claimId];
        ClaimState state = claim_.state;
        return state == ClaimState.Upheld || state == ClaimState.Standing && _isUnchallenged(claim_);
    }

    /// @dev Half of the bond is burned: who overturns its own claim loses that half. The time takes the place of the
    /// number of open challenges, which nothing depends on any more: a word of its own would cost 22,100 gas.
    function _overturn(bytes32 claimId, Claim storage claim_, address winner) internal {
        uint256 bond = _claimBond(claim_.version);
        uint256 reward = bond / 2;
        uint256 time = block.timestamp - _earliest(claim_);
        claim_.state = ClaimState.Overturned;
        claim_.open = time < type(uint24).max ? uint24(time) : type(uint24).max;
        _credit(winner, reward);
        _credit(BURNED, bond - reward);
        emit ClaimOverturned(claimId, winner, reward, bond - reward);
    }

    /// @dev A claim that can still be overturned.
    function _undecided(bytes32 claimId) internal view returns (Claim storage claim_) {
        claim_ = _claims[claimId];
        if (claim_.state != ClaimState.Standing) revert ClaimNotStanding(claimId, claim_.state);
        if (_isUnchallenged(claim_)) revert ClaimIsFinal(claimId);
    }

    /// @dev The trace root as it is now; reverts unless these are the claim's own values. One that was left out may be
    /// named by zero for ever: what is on its way when it is posted means the same claim.
    function _checkTraced(Claim storage claim_, TracedClaim calldata traced)
        internal
        view
        returns (bytes32 root)
    {
        root = traced.traceRoot;
        bytes32 digest;
        if (claim_.lazy) {
            root = postedRootOf[traced.statementRoot];
            if (traced.traceRoot != 0 && traced.traceRoot != root) {
                revert ClaimDiffers(traced.statementRoot);
            }
            TracedClaim memory made = traced;
            made.traceRoot = 0;
            digest = keccak256(abi.encode(made));
        } else {
            digest = keccak256(abi.encode(traced));
        }
        if (digest != claim_.digest) revert ClaimDiffers(traced.statementRoot);
    }

    /// @dev The claim under the terms in force when the order was requested, and the bond that they ask for.
    function _underTerms(Order memory order, Leg memory delivered, TracedClaim memory traced)
        private
        view
        returns (Claim memory made, uint256)
    {
        (ClaimParameters memory terms, bool lazy, uint16 version) = termsAt(order.modelKey, order.requestedAt);
        made.lazy = traced.traceRoot == 0;
        if (made.lazy && !lazy) revert TraceRootMissing(traced.statementRoot);
        _checkTimeToSettle(terms, order, delivered);
        made.provider = msg.sender;
        made.windowEnd = uint40(block.timestamp + terms.window);
        made.version = version;
        made.state = ClaimState.Standing;
        made.digest = keccak256(abi.encode(traced));
        return (made, terms.claimBond);
    }

    function _announce(
        bytes32 orderId,
        uint8 leg,
        bytes32 modelKey,
        TracedClaim memory traced,
        bytes calldata output,
        Claim memory made
    ) private {
        emit Claimed(
            traced.statementRoot,
            orderId,
            msg.sender,
            leg,
            modelKey,
            traced,
            output,
            made.windowEnd,
            made.version
        );
    }

    /// @dev Of a claim that stands: its window is over and every challenge has failed.
    function _isUnchallenged(Claim storage claim_) private view returns (bool) {
        return block.timestamp > claim_.windowEnd && claim_.open == 0;
    }

    /// @dev No claim with that window was made before.
    function _earliest(Claim storage claim_) private view returns (uint256) {
        return claim_.windowEnd - ClaimParametersLib.MAXIMUM_WINDOW;
    }

    function _uphold(bytes32 claimId, Claim storage claim_) private {
        uint256 bond = _claimBond(claim_.version);
        claim_.state = ClaimState.Upheld;
        _credit(claim_.provider, bond);
        emit ClaimUpheld(claimId, claim_.provider, bond);
    }

    function _traced(bytes32 orderId, uint8 leg, bytes32 output, bytes32 traceRoot)
        private
        view
        returns (TracedClaim memory)
    {
        (Statement memory statement, bytes32 digest) =
            market.statementFor(orderId, leg, msg.sender, Commitment(CommitmentScheme.PUBLIC, output));
        return TracedClaim({
            key: statement.key,
            program: statement.program,
            statementRoot: StatementTree.leaf(digest),
            traceRoot: traceRoot,
            input: statement.input.value,
            output: output
        });
    }

    /// @dev The output is public from here on: otherwise nobody could show that it is not the program's.
    function _checkOutput(bytes32 modelKey, bytes32 expected, bytes calldata output) private view {
        bytes32 found = TensorLib.digest(registry.systemTermsOf(modelKey, SELECTOR).outputs, output);
        if (found != expected) revert OutputDiffers(expected, found);
    }

    /// @dev However it is disputed, an honest answer can be settled in time, by its provider alone.
    function _checkTimeToSettle(ClaimParameters memory terms, Order memory order, Leg memory delivered)
        private
        view
    {
        uint256 decided =
            block.timestamp + terms.window + 2 * uint256(terms.clock) + MAXIMUM_MOVES * terms.extension;
        uint256 alone = uint256(delivered.deliveredAt) + order.gracePeriod;
        uint256 needed = (decided > alone ? decided : alone) + terms.margin;
        uint256 last = uint256(delivered.deliveredAt) + order.settlementWindow;
        if (needed > last) revert SettlementWindowTooShort(needed, last);
    }

    /// @dev The statement by the proof system: the same program, input, output, order, provider and nonce.
    function _checkProof(Order memory order, Statement memory statement, bytes calldata seal) private view {
        bytes32 modelKey = order.modelKey;
        SystemClaim memory system = registry.claimOf(modelKey, PROOF_SELECTOR);
        if (system.program != statement.program) revert ProgramDiffers(statement.program, system.program);
        // What a proof of the model means is the owner's choice, and part of what was promised to the requester.
        uint256 usableAfter = registry.addedAt(modelKey, PROOF_SELECTOR) + NOTICE;
        if (order.requestedAt <= usableAfter) revert ProofSystemTooNew(modelKey, usableAfter);
        statement.system = system.system;
        statement.key = system.key;
        bytes32 root = StatementTree.leaf(StatementLib.digest(statement, market.domainSeparator()));
        (bool accepted, bytes memory reason) = router.verify(modelKey, statement, root, seal);
        if (!accepted) revert ProofRefused(reason);
    }
}
