// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment} from "../types/Commitment.sol";
import {BatchItem, Leg, LegState, Order, OrderRequest} from "../types/Order.sol";
import {Statement} from "../types/Statement.sol";
import {StatementPath} from "../types/StatementTree.sol";
import {ILedger} from "./ILedger.sol";
import {IModelRegistry} from "./IModelRegistry.sol";

/// @title The market: inference is requested, proven and paid here
/// @notice Open -> Locked -> Delivered -> Settled. A leg ends Refunded when its order was never locked,
/// Slashed when its provider failed it, Cancelled when the requester withdrew an open order. Money is
/// credited and pulled with `withdraw`. Every due transition can be called by anyone.
interface IAvowMarket is ILedger {
    /// @notice A new order; `terms` hold everything that a provider needs, the input included.
    event OrderRequested(
        bytes32 indexed orderId,
        address indexed requester,
        bytes32 indexed modelKey,
        uint256 nonce,
        OrderRequest terms
    );
    event OrderLocked(
        bytes32 indexed orderId,
        address indexed provider,
        address indexed validator,
        uint256 bond,
        uint64 lockedAt
    );
    event OrderReleased(bytes32 indexed orderId, address indexed provider);
    event OrderCancelled(bytes32 indexed orderId, uint256 refund);
    event LegDelivered(
        bytes32 indexed orderId,
        address indexed provider,
        address indexed validator,
        uint8 leg,
        bytes4 selector,
        Commitment output,
        bytes32 bundleDigest,
        string bundleUri
    );
    event LegSettled(
        bytes32 indexed orderId,
        address indexed provider,
        address indexed settler,
        uint8 leg,
        bytes32 statementDigest,
        bytes output,
        Payout payout
    );
    /// @notice An item of a batch was left out, nothing of it changed; `reason` is the error that says why.
    event BatchItemSkipped(bytes32 indexed orderId, uint8 leg, bytes reason);
    /// @notice A leg ended without payment; `state` is Refunded or Slashed.
    event LegExpired(bytes32 indexed orderId, uint8 leg, LegState state, uint256 refund);
    event BondReturned(bytes32 indexed orderId, uint8 leg, address indexed provider, uint256 amount);
    event BondSlashed(
        bytes32 indexed orderId, uint8 leg, address indexed provider, uint256 toRequester, uint256 toTreasury
    );
    /// @notice A valid proof was settled after the grace period of the assigned validator. Its provider may
    /// have kept the bundle from it, so this alone shows no fault.
    event DutyMissed(bytes32 indexed orderId, uint8 leg, address indexed validator);
    event CallbackSucceeded(bytes32 indexed orderId, uint8 leg, address indexed target);
    /// @notice The callback failed; `reason` is at most 132 bytes of what it returned.
    event CallbackFailed(bytes32 indexed orderId, uint8 leg, address indexed target, bytes reason);

    error OrderUnknown(bytes32 orderId);
    error LegUnknown(bytes32 orderId, uint8 leg);
    error WrongLegState(bytes32 orderId, uint8 leg, LegState state);
    error OrderNotOpen(bytes32 orderId);
    error OrderNotLocked(bytes32 orderId);
    error NotRequester(bytes32 orderId, address caller);
    error NotProvider(bytes32 orderId, address caller);
    error NotAssignedValidator(bytes32 orderId, address caller, uint256 graceEnds);
    error ZeroPrice();
    error BondTooLow(uint256 bond, uint256 minimum);
    error LegCountOutOfBounds(uint256 count, uint256 maximum);
    error LegShareZero(uint256 leg);
    error SelectorTwice(bytes4 selector);
    error OutputTooLong(uint256 length, uint256 maximum);
    error SharesDoNotSum(uint256 sum);
    error DeadlineOutOfBounds(uint256 deadline, uint256 earliest, uint256 latest);
    error ModelIsDeprecated(bytes32 modelKey);
    error SystemIsDeprecated(bytes32 modelKey, bytes4 selector);
    error SelectorNotActive(bytes4 selector);
    error SelectorNotNamed(bytes32 orderId, uint8 leg, bytes4 selector);
    /// @notice Two systems of one leg prove different programs, or give outputs of different schemas.
    error AnswersDiffer(bytes4 selector, bytes4 other);
    error RoyaltyAboveMaximum(uint256 royaltyBps, uint256 maximum);
    error InputSchemeDiffers(uint16 expected, uint16 found);
    error InputNeedsOneSource();
    error InputTooLong(uint256 length, uint256 maximum);
    error InputDiffers(bytes32 expected, bytes32 found);
    error InputMustBeByUri(uint16 scheme);
    error CallbackGasOutOfBounds(uint256 gasLimit, uint256 minimum, uint256 maximum);
    error LockDeadlinePassed(bytes32 orderId, uint64 lockDeadline);
    error ReleasedBefore(bytes32 orderId, address provider);
    error NotReleasable(bytes32 orderId);
    error ReleaseWindowPassed(bytes32 orderId, uint256 windowEnded);
    error DeliveryDeadlinePassed(bytes32 orderId, uint8 leg, uint64 deadline);
    error SettlementDeadlinePassed(bytes32 orderId, uint8 leg, uint256 deadline);
    error NotYetExpired(bytes32 orderId, uint8 leg, uint256 expiresAfter);
    error OutputSchemeNotPublic(uint16 scheme);
    error OutputDiffers(bytes32 expected, bytes32 found);
    error ProofRefused(bytes reason);
    error NotRefuted(bytes32 orderId, uint8 leg);
    /// @notice A leg of another model version or another proof system than the batch.
    error NotOfThisBatch(bytes32 orderId, uint8 leg);
    error StatementNotUnderRoot(bytes32 orderId, uint8 leg, bytes32 root);
    /// @notice Every item was skipped; `reason` is the last one's.
    error NothingToSettle(bytes reason);
    error CallbackNotFailed(bytes32 orderId, uint8 leg);
    error CallbackBytesDiffer(bytes32 expected, bytes32 found);
    error UriTooLong(uint256 length, uint256 maximum);
    error ParameterOutOfBounds(string name, uint256 value, uint256 minimum, uint256 maximum);

    /// @notice Who was credited what for a settled leg, in token units; sums to the leg's price.
    struct Payout {
        uint256 provider;
        uint256 validator;
        uint256 royalty;
        uint256 treasury;
    }

    /// @notice Escrows the price (from the caller's credit first, then by transferFrom) and opens an order.
    function request(OrderRequest calldata terms) external returns (bytes32 orderId);

    /// @notice Takes an open order at its price; the bond comes from credit first, then by transferFrom.
    function lock(bytes32 orderId) external;

    /// @notice Hands back an order whose input by URI could not be obtained; unharmed, but never again.
    function release(bytes32 orderId) external;

    /// @notice Publishes the answer's commitment and where its bundle is. Once per leg, before the deadline.
    /// @param selector the system that the answer is proven by, one of those that the leg names: the choice is
    /// for good. One that the router does not verify can be chosen only where it verifies none of them.
    /// @param bundleDigest keccak256 of the bundle file's bytes.
    function deliver(
        bytes32 orderId,
        uint8 leg,
        bytes4 selector,
        Commitment calldata output,
        bytes32 bundleDigest,
        string calldata bundleUri
    ) external;

    /// @notice Checks the proof, pays, then calls back. In the grace period by the assigned validator only;
    /// after it by anyone, and the validator's share goes to the treasury.
    /// @param output the output tensors' data, matched against the delivered commitment.
    /// @param path where the order's statement stands under the root that the proof binds.
    /// @param seal selector and proof.
    function settle(
        bytes32 orderId,
        uint8 leg,
        bytes calldata output,
        StatementPath calldata path,
        bytes calldata seal
    ) external;

    /// @notice Settles every leg that can be settled among those that one proof speaks of: each as `settle`
    /// does, all of one model and one proof system. The others are skipped, each with `BatchItemSkipped`; the
    /// proof has to hold for those that are left, or nothing happens at all. Everybody is paid before anybody
    /// is called back.
    /// @dev The gas for every callback must be there: one that is not given its gas reverts the whole.
    /// @param root Merkle root of statements that the proof binds.
    /// @param items the legs, each with its output, its place under the root and its part of the seal.
    /// @param seal selector and proof.
    /// @return settled how many legs were settled, at least one.
    function settleBatch(bytes32 modelKey, bytes32 root, BatchItem[] calldata items, bytes calldata seal)
        external
        returns (uint256 settled);

    /// @notice Ends a leg whose time has passed: refunds the requester, and slashes a provider at fault.
    function expire(bytes32 orderId, uint8 leg) external;

    /// @notice Ends a delivered leg whose statement was shown to be wrong: refunds the requester and slashes the
    /// provider at once, by anyone.
    function refute(bytes32 orderId, uint8 leg) external;

    /// @notice Takes back an open order; requester only.
    function cancel(bytes32 orderId) external;

    /// @notice Calls back again with the same bytes after a failed callback.
    function retryCallback(bytes32 orderId, uint8 leg, bytes calldata output) external;

    /// @notice The id of a requester's order number `counter`, from zero.
    function orderIdOf(address requester, uint256 counter) external view returns (bytes32);

    /// @notice How many orders the requester has made.
    function counterOf(address requester) external view returns (uint256);

    /// @notice A stored order; reverts with `OrderUnknown`.
    function orderOf(bytes32 orderId) external view returns (Order memory);

    /// @notice A stored leg; reverts with `LegUnknown`.
    function legOf(bytes32 orderId, uint8 leg) external view returns (Leg memory);

    /// @notice The statement that a proof of this leg must bind, were `output` delivered; of the system that was
    /// chosen, and before one is, of the first that the leg names.
    function statementFor(bytes32 orderId, uint8 leg, address provider, Commitment calldata output)
        external
        view
        returns (Statement memory statement, bytes32 digest);

    /// @notice EIP-712 domain separator of this market's statements.
    function domainSeparator() external view returns (bytes32);

    /// @notice Where models are registered.
    function registry() external view returns (IModelRegistry);
}
