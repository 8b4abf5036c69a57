// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment} from "./Commitment.sol";
import {StatementPath} from "./StatementTree.sol";

/// @notice State of one leg of evidence. Settled, Refunded, Slashed and Cancelled are terminal.
enum LegState {
    None,
    Open,
    Locked,
    Delivered,
    Settled,
    Refunded,
    Slashed,
    Cancelled
}

/// @notice Whether the callback of a leg is owed.
enum CallbackState {
    None,
    Done,
    Failed
}

/// @notice One leg of evidence that a requester asks for, by any of the proof systems that it names.
/// @param selectors one to four proof systems in the router, one after the other from the left, then zeros.
/// @param deadline last second at which the locked provider may deliver.
/// @param shareBps share of price and bond, in basis points; the legs' shares sum to 10,000.
struct LegRequest {
    bytes16 selectors;
    uint64 deadline;
    uint16 shareBps;
}

/// @notice Who is called with the answer.
/// @param target the receiver, or zero for no callback.
/// @param gasLimit gas that the call is given, exactly.
struct Callback {
    address target;
    uint32 gasLimit;
}

/// @notice What a requester signs up for.
/// @param modelKey the model version in the registry.
/// @param input commitment to the input tensors.
/// @param inputData the input tensors' data inline; or empty when `inputUri` is given.
/// @param inputUri where a provider obtains the input; or empty when `inputData` is given.
/// @param legs one to four legs of evidence.
/// @param price escrowed now, in token units.
/// @param bond what a provider must put up to lock the order.
/// @param lockDeadline last second at which a provider may lock.
/// @param callback who is called with the answer.
struct OrderRequest {
    bytes32 modelKey;
    Commitment input;
    bytes inputData;
    string inputUri;
    LegRequest[] legs;
    uint128 price;
    uint128 bond;
    uint64 lockDeadline;
    Callback callback;
}

/// @notice An order as the market stores it. The terms are those of the moment of the request.
/// @param nonce the requester's counter plus one; the nonce of the order's statements.
/// @param inputByUri whether the input is by URI, so that a provider may release the order.
/// @param lockedAt when the provider locked, or zero.
/// @param gracePeriod seconds after delivery in which only the validator settles.
/// @param settlementWindow seconds after delivery in which a leg can be settled.
/// @param compensationBps share of a slashed bond that goes to the requester.
/// @param requestedAt when the order was requested.
struct Order {
    address requester;
    uint64 nonce;
    uint32 callbackGas;
    address provider;
    uint64 lockDeadline;
    uint32 gracePeriod;
    address validator;
    uint64 lockedAt;
    uint32 settlementWindow;
    address callbackTarget;
    uint16 validatorBps;
    uint16 treasuryBps;
    uint16 royaltyBps;
    uint16 compensationBps;
    uint8 legCount;
    bool inputByUri;
    uint16 inputScheme;
    uint32 releaseWindow;
    uint64 requestedAt;
    bytes32 modelKey;
    bytes32 inputValue;
    uint128 price;
    uint128 bond;
}

/// @notice A leg as the market stores it; all but its last two words in one.
/// @param selector the proof system of the delivery; before it, the first that was named.
/// @param others the systems named beside that one, until the delivery chooses one of all.
/// @param deliveredAt when the provider delivered, or zero.
/// @param output commitment to the delivered output (zeros before delivery).
/// @param callbackDigest keccak256 of the output bytes of a callback that failed and can be retried.
struct Leg {
    bytes4 selector;
    bytes12 others;
    uint40 deadline;
    uint40 deliveredAt;
    uint16 shareBps;
    LegState state;
    CallbackState callbackState;
    uint16 outputScheme;
    bytes32 outputValue;
    bytes32 callbackDigest;
}

/// @notice One delivered leg among those that one proof settles.
/// @param orderId the order.
/// @param leg the leg of the proof's system.
/// @param output the output tensors' data, matched against the delivered commitment.
/// @param path where the leg's statement stands under the root that the proof binds; its index is also the
/// number of the proof's sample.
/// @param part what the proof system needs of this statement alone.
struct BatchItem {
    bytes32 orderId;
    uint8 leg;
    bytes output;
    StatementPath path;
    bytes part;
}
