// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "./IAvowMarket.sol";
import {ILedger} from "./ILedger.sol";
import {TracedClaim} from "./IReferee.sol";

/// @notice State of a claim. Upheld and Overturned are terminal.
enum ClaimState {
    None,
    Standing,
    Upheld,
    Overturned
}

/// @notice What a challenge waits for. The provider owes Trace (the root that was left out, and its children),
/// Children, Root and Chunk; the challenger Pick and Refutation. Ended is terminal.
enum Turn {
    None,
    Trace,
    Children,
    Pick,
    Root,
    Chunk,
    Refutation,
    Ended
}

/// @notice What governance can set, within bounds. An order keeps the values of the moment of its request.
/// @param claimBond what a provider puts up with each claim, in token units.
/// @param challengeBond what a challenger puts up with each challenge.
/// @param clock seconds that each side of a challenge has for all its moves together.
/// @param extension seconds that each move has at least, also when the clock has run out.
/// @param window seconds after the claim in which it can be challenged, where the model's owner set no other.
/// @param margin seconds that must be left to settle after the longest dispute.
struct ClaimParameters {
    uint96 claimBond;
    uint96 challengeBond;
    uint32 clock;
    uint32 extension;
    uint32 window;
    uint32 margin;
}

/// @notice What the owner of a model has set for its claims.
/// @param window seconds after the claim in which it can be challenged, at least twice the clock; zero for the
/// parameter's.
/// @param lazy whether a claim may leave out the trace root until it is challenged.
struct ModelClaimTerms {
    uint32 window;
    bool lazy;
}

/// @notice A claim as it is stored.
/// @param windowEnd last second at which it can be challenged; of a proven claim, when it was proven.
/// @param version which parameters it keeps.
/// @param open challenges that are not decided; none once it was overturned.
/// @param lazy whether the trace root was left out; it is then the provider's first reply to a challenge.
/// @param digest keccak256 of the abi-encoded TracedClaim, with a zero trace root if it was left out.
struct Claim {
    address provider;
    uint40 windowEnd;
    uint16 version;
    uint24 open;
    ClaimState state;
    bool lazy;
    bytes32 digest;
}

/// @notice A challenge as it is stored.
/// @param turnSince when the present turn began.
/// @param providerLeft seconds on the provider's clock at the beginning of the present turn.
/// @param challengerLeft seconds on the challenger's clock.
/// @param inTensor whether the contested node stands in a tensor's tree; otherwise in the trace.
/// @param levels how far the contested node is above the leaves.
/// @param position place of the contested node at its level.
/// @param tensor number of the contested tensor, once it is picked.
/// @param length bytes of that tensor.
/// @param openedAt when it was opened.
/// @param contested the node that the provider has to open; zero while the trace root is owed.
struct Challenge {
    uint40 turnSince;
    uint24 providerLeft;
    uint24 challengerLeft;
    Turn turn;
    bool inTensor;
    uint8 levels;
    uint32 position;
    uint32 tensor;
    uint40 length;
    uint40 openedAt;
    bytes32 contested;
}

/// @title Claims of "optimistic/v1" and the disputes about them
/// @notice A claim is named by its statement's leaf, a challenge by claim and challenger. Every move holds, as
/// a hash or the preimage of one, the node that it answers: a move of another state is refused.
interface IClaims is ILedger {
    event ParametersChanged(uint16 indexed version, ClaimParameters parameters);
    event ModelTermsChanged(bytes32 indexed modelKey, ModelClaimTerms terms);
    /// @notice A claim stands; `output` are the output tensors' data, matched against the delivery.
    event Claimed(
        bytes32 indexed claimId,
        bytes32 indexed orderId,
        address indexed provider,
        uint8 leg,
        bytes32 modelKey,
        TracedClaim traced,
        bytes output,
        uint40 windowEnd,
        uint16 version
    );
    event TraceRootPosted(bytes32 indexed claimId, bytes32 traceRoot);
    /// @notice A model's registered tensors were found to be those of its key, whose program has `tensors` of them.
    event ModelLearned(bytes32 indexed modelKey, bytes32 indexed key, uint32 tensors);
    event RefutationCommitted(bytes32 indexed commitment, address indexed account);
    event ChallengeOpened(
        bytes32 indexed claimId, address indexed challenger, bytes32 contested, uint8 levels
    );
    /// @notice The provider opened the contested node: its descendants a few levels below, left to right.
    event ChildrenRevealed(
        bytes32 indexed claimId, address indexed challenger, bytes32 contested, bytes32[] children
    );
    /// @notice The challenger chose a descendant, which stands at `position` of its level.
    event ChildPicked(
        bytes32 indexed claimId, address indexed challenger, bytes32 contested, uint32 position, uint8 levels
    );
    event TensorPicked(
        bytes32 indexed claimId, address indexed challenger, bytes32 contested, uint32 tensor, uint64 length
    );
    event TensorRevealed(
        bytes32 indexed claimId,
        address indexed challenger,
        uint32 tensor,
        bytes32 tensorRoot,
        bytes32[] children
    );
    event ChunkRevealed(
        bytes32 indexed claimId, address indexed challenger, uint32 tensor, uint32 chunk, bytes data
    );
    /// @notice The challenge failed; its bond went to the provider.
    event ChallengeLost(bytes32 indexed claimId, address indexed challenger, uint256 bond);
    event ChallengeBondReturned(bytes32 indexed claimId, address indexed challenger, uint256 bond);
    /// @notice The claim is wrong, or its provider did not answer: half of its bond to the winner, half burned.
    event ClaimOverturned(bytes32 indexed claimId, address indexed winner, uint256 reward, uint256 burned);
    /// @notice A proof of the same statement was shown; undecided challenges are reclaimed.
    event ClaimProven(bytes32 indexed claimId);
    event ClaimUpheld(bytes32 indexed claimId, address indexed provider, uint256 bond);

    error ParameterOutOfBounds(string name, uint256 value, uint256 minimum, uint256 maximum);
    error NotModelOwner(bytes32 modelKey, address caller);
    error NotProvider(bytes32 id, address caller);
    error NotClaimable(bytes32 orderId, uint8 leg);
    error InputSchemeNotPublic(uint16 scheme);
    error OutputDiffers(bytes32 expected, bytes32 found);
    error TraceRootMissing(bytes32 id);
    error AlreadyClaimed(bytes32 claimId);
    /// @notice The longest dispute would end at `needed`, with the margin; the leg can be settled until `last`.
    error SettlementWindowTooShort(uint256 needed, uint256 last);
    error ClaimNotStanding(bytes32 claimId, ClaimState state);
    error ClaimIsFinal(bytes32 claimId);
    error ClaimNotFinal(bytes32 claimId);
    error ClaimDiffers(bytes32 claimId);
    error WindowPassed(bytes32 claimId, uint256 windowEnd);
    error ModelNotLearned(bytes32 modelKey);
    /// @notice The registered input or output with this number has another type or shape than the key's.
    error SchemaDiffers(bool output, uint256 number);
    /// @notice Orders commit to the input with this number by a root, and traces do not hold it in that order.
    error InputNotRowMajor(uint256 number);
    error TreeTooLarge(uint256 size, uint256 maximum);
    error AlreadyChallenged(bytes32 claimId, address challenger);
    error NotTheTurn(bytes32 claimId, address challenger, Turn turn);
    error ClockRanOut(bytes32 claimId, address challenger, uint256 deadline);
    error ClockStillRuns(bytes32 claimId, address challenger, uint256 deadline);
    error CountDiffers(uint256 expected, uint256 found);
    error NodeDiffers(bytes32 expected, bytes32 found);
    error ChildOutsideNode(uint256 index, uint256 children);
    error PlaceMissing();
    error PlaceDiffers(uint256 expected, uint256 found);
    /// @notice The picked leaf lies beyond the tree's last and is zero, as it must be.
    error NothingThere(uint256 position, uint256 count);
    /// @notice The caller has no commitment of an earlier block to this refutation.
    error NotCommitted(bytes32 claimId, address caller);
    error NotRefuted(bytes32 claimId);
    error ProgramDiffers(bytes32 expected, bytes32 found);
    /// @notice The proof system counts for orders requested after `usableAfter` only.
    error ProofSystemTooNew(bytes32 modelKey, uint256 usableAfter);
    error ProofRefused(bytes reason);
    error NothingToReclaim(bytes32 claimId, address challenger);

    /// @notice Claims a delivered leg of this system; its provider only, once. Takes the claim bond. The model must
    /// have been learned.
    /// @param output the output tensors' data, matched against the delivered commitment.
    /// @param traceRoot root of the trace, or zero where the model's owner allows it.
    function claim(bytes32 orderId, uint8 leg, bytes calldata output, bytes32 traceRoot)
        external
        returns (bytes32 claimId);

    /// @notice Notes that the caller knows a refutation, which nobody can then copy from its transaction.
    /// @param commitment keccak256(abi.encode(caller, claimId, keccak256(refutation), salt)).
    function commit(bytes32 commitment) external;

    /// @notice Overturns a claim by an element that is wrong. The caller has a commitment to this refutation of an
    /// earlier block, also in its own challenge.
    function refute(TracedClaim calldata traced, bytes calldata refutation, bytes32 salt) external;

    /// @notice Compares a model's registered inputs and outputs with its key; once per model, by anyone.
    /// @param inputs the place of every input under the key, in order, without the program's digest.
    /// @param outputs the place of every output, in order.
    function learn(bytes32 modelKey, bytes[] calldata inputs, bytes[] calldata outputs) external;

    /// @notice Challenges a claim, once per account, within the window. Takes the challenge bond.
    /// @param traced the claim; where the trace root was left out, with zero for it or with the one posted since.
    function open(TracedClaim calldata traced) external;

    /// @notice The provider opens the contested node: 2 ** min(4, levels) descendants, left to right.
    function reveal(bytes32 claimId, address challenger, bytes32[] calldata children) external;

    /// @notice The challenger chooses one of them, inside the trace or a tensor.
    /// @param index which, from the left.
    /// @param siblings the way from it up to the contested node.
    function pick(bytes32 claimId, uint256 index, bytes32 node, bytes32[] calldata siblings) external;

    /// @notice The challenger chooses a leaf of the trace, and shows which tensor it is of.
    function pickTensor(
        TracedClaim calldata traced,
        uint256 index,
        bytes32 node,
        bytes32[] calldata siblings,
        bytes calldata place
    ) external;

    /// @notice The provider opens the contested leaf of the trace, and the tensor's root with it.
    function revealTensor(
        bytes32 claimId,
        address challenger,
        bytes32 tensorRoot,
        bytes32[] calldata children
    ) external;

    /// @notice The provider opens the contested chunk, cut at the tensor's length.
    function revealChunk(bytes32 claimId, address challenger, bytes calldata data) external;

    /// @notice Ends a challenge whose clock has run out, against who had to move; by anyone.
    function timeout(bytes32 claimId, address challenger) external;

    /// @notice Shows a proof of the claimed statement by the model's "sumcheck/v1", registered long enough before the
    /// order was requested; by anyone. The claim is final at once.
    function prove(bytes32 orderId, uint8 leg, bytes calldata seal) external;

    /// @notice Returns the bond of a claim that is final; by anyone.
    function finish(bytes32 claimId) external;

    /// @notice Credits the bond of an undecided challenge of a claim that has ended, by anyone: to its challenger,
    /// unless its clock had run out when the claim was proven.
    function reclaim(bytes32 claimId, address challenger) external;

    /// @notice A stored claim (state None when there is none).
    function claimOf(bytes32 claimId) external view returns (Claim memory);

    /// @notice A stored challenge (turn None when there is none).
    function challengeOf(bytes32 claimId, address challenger) external view returns (Challenge memory);

    /// @notice Last second at which who has the turn can move; zero when nobody has.
    function deadlineOf(bytes32 claimId, address challenger) external view returns (uint256);

    /// @notice Whether nothing can overturn the claim any more: it was proven, or its window is over and every
    /// challenge has failed.
    function isFinal(bytes32 claimId) external view returns (bool);

    /// @notice Whether the claim was overturned.
    function isOverturned(bytes32 claimId) external view returns (bool);

    /// @notice When the claim was overturned, or zero; one that was overturned more than 191 days after its window's end
    /// as if it had been then.
    function overturnedAt(bytes32 claimId) external view returns (uint256);

    /// @notice The trace root that was left out of a claim and posted since; zero while there is none.
    function postedRootOf(bytes32 claimId) external view returns (bytes32);

    /// @notice Number of the block in which a commitment was first made; zero for none, and once it was used.
    function committedIn(bytes32 commitment) external view returns (uint256);

    /// @notice Whether the model's registered tensors were compared with its key: only then it can be claimed.
    function isLearned(bytes32 modelKey) external view returns (bool);

    /// @notice How many tensors the program of a key has; zero until a model of it was learned.
    function tensorsOf(bytes32 key) external view returns (uint32);

    /// @notice The market whose statements are claimed.
    function market() external view returns (IAvowMarket);
}
