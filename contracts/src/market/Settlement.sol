// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {SystemClaim} from "../interfaces/IModelRegistry.sol";
import {Alternatives} from "../types/Alternatives.sol";
import {Commitment, CommitmentScheme} from "../types/Commitment.sol";
import {Leg, LegState, Order} from "../types/Order.sol";
import {Statement, StatementLib} from "../types/Statement.sol";
import {StatementPath, StatementTree} from "../types/StatementTree.sol";
import {TensorLib} from "../types/Tensor.sol";
import {CallbackDesk} from "./CallbackDesk.sol";
import {MAXIMUM_URI} from "./OrderTerms.sol";

/// @title Delivery, settlement and expiry of legs
/// @notice The statement that a proof must bind is built here from the market's own storage and the
/// registry; nothing of it comes from who settles.
abstract contract Settlement is CallbackDesk, EIP712 {
    constructor() EIP712("Avow", "1") {}

    /// @inheritdoc IAvowMarket
    function deliver(
        bytes32 orderId,
        uint8 index,
        bytes4 selector,
        Commitment calldata output,
        bytes32 bundleDigest,
        string calldata bundleUri
    ) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        Leg storage leg = _existingLeg(orderId, index);
        if (leg.state != LegState.Locked) revert WrongLegState(orderId, index, leg.state);
        if (msg.sender != order.provider) revert NotProvider(orderId, msg.sender);
        if (block.timestamp > leg.deadline) revert DeliveryDeadlinePassed(orderId, index, leg.deadline);
        if (output.scheme != CommitmentScheme.PUBLIC) revert OutputSchemeNotPublic(output.scheme);
        if (bytes(bundleUri).length > MAXIMUM_URI) {
            revert UriTooLong(bytes(bundleUri).length, MAXIMUM_URI);
        }
        _choose(orderId, index, leg, selector);
        leg.state = LegState.Delivered;
        leg.deliveredAt = uint40(block.timestamp);
        leg.outputScheme = output.scheme;
        leg.outputValue = output.value;
        emit LegDelivered(
            orderId, order.provider, order.validator, index, selector, output, bundleDigest, bundleUri
        );
    }

    /// @inheritdoc IAvowMarket
    function settle(
        bytes32 orderId,
        uint8 index,
        bytes calldata output,
        StatementPath calldata path,
        bytes calldata seal
    ) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        Leg storage leg = _existingLeg(orderId, index);
        _revertWith(_notSettleable(orderId, index, order, leg));

        (bytes32 statementDigest, address royaltyReceiver) = _checkProof(orderId, index, output, path, seal);

        leg.state = LegState.Settled;
        _pay(orderId, index, royaltyReceiver, statementDigest, output);
        _callBack(orderId, index, order, leg, output);
    }

    /// @inheritdoc IAvowMarket
    /// @dev Who is at fault: a locked leg past its deadline was not answered, so the provider is. A delivered
    /// leg past its settlement window had at least one grace period in which its provider could settle it
    /// alone, so the provider is, unless verification was stopped or withdrawn meanwhile. The validator is not
    /// blamed: nobody has shown a proof that it could have settled.
    function expire(bytes32 orderId, uint8 index) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        Leg storage leg = _existingLeg(orderId, index);
        LegState state = leg.state;
        bool slashed;
        if (state == LegState.Open) {
            _requirePassed(orderId, index, order.lockDeadline);
        } else if (state == LegState.Locked) {
            _requirePassed(orderId, index, leg.deadline);
            slashed = true;
        } else if (state == LegState.Delivered) {
            _requirePassed(orderId, index, uint256(leg.deliveredAt) + order.settlementWindow);
            slashed = !router.interruptedSince(leg.selector, leg.deliveredAt);
        } else {
            revert WrongLegState(orderId, index, state);
        }

        leg.state = slashed ? LegState.Slashed : LegState.Refunded;
        _refund(orderId, index, order, leg.state);
        if (state == LegState.Open) return;
        if (slashed) _slashBond(orderId, index, order);
        else _returnBond(orderId, index, order);
    }

    /// @inheritdoc IAvowMarket
    function refute(bytes32 orderId, uint8 index) external nonReentrant {
        Order storage order = _existingOrder(orderId);
        Leg storage leg = _existingLeg(orderId, index);
        if (leg.state != LegState.Delivered) revert WrongLegState(orderId, index, leg.state);
        Statement memory statement =
            _claim(orderId, order, leg, registry.claimOf(order.modelKey, leg.selector));
        if (!router.refuted(order.modelKey, statement)) revert NotRefuted(orderId, index);

        leg.state = LegState.Slashed;
        _refund(orderId, index, order, LegState.Slashed);
        _slashBond(orderId, index, order);
    }

    /// @inheritdoc IAvowMarket
    function statementFor(bytes32 orderId, uint8 index, address provider, Commitment calldata output)
        external
        view
        returns (Statement memory statement, bytes32 digest)
    {
        Order storage order = _existingOrder(orderId);
        SystemClaim memory system = registry.claimOf(order.modelKey, _existingLeg(orderId, index).selector);
        statement = _statement(orderId, order, system, provider, output);
        digest = StatementLib.digest(statement, _domainSeparatorV4());
    }

    /// @inheritdoc IAvowMarket
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @dev Nothing but the chosen system is ever asked about the leg again. Who has no answer must not be excused
    /// by choosing a system that was withdrawn.
    function _choose(bytes32 orderId, uint8 index, Leg storage leg, bytes4 selector) private {
        (bytes4 first, bytes12 others) = (leg.selector, leg.others);
        if (others == 0 && selector == first) return;
        bytes16 named = first | (bytes16(others) >> 32);
        if (!Alternatives.names(named, selector)) revert SelectorNotNamed(orderId, index, selector);
        if (!router.isActive(selector) && _isVerifiable(leg)) revert SelectorNotActive(selector);
        leg.selector = selector;
        leg.others = 0;
    }

    /// @dev The error for which the caller cannot settle this leg now, whatever the proof; empty if it can.
    function _notSettleable(bytes32 orderId, uint8 index, Order storage order, Leg storage leg)
        internal
        view
        returns (bytes memory)
    {
        if (leg.state != LegState.Delivered) {
            return abi.encodeWithSelector(WrongLegState.selector, orderId, index, leg.state);
        }
        uint256 deadline = uint256(leg.deliveredAt) + order.settlementWindow;
        if (block.timestamp > deadline) {
            return abi.encodeWithSelector(SettlementDeadlinePassed.selector, orderId, index, deadline);
        }
        if (_inGracePeriod(order, leg) && msg.sender != order.validator) {
            return abi.encodeWithSelector(
                NotAssignedValidator.selector,
                orderId,
                msg.sender,
                uint256(leg.deliveredAt) + order.gracePeriod
            );
        }
        return "";
    }

    /// @dev Whether only the assigned validator may settle a delivered leg now.
    function _inGracePeriod(Order storage order, Leg storage leg) private view returns (bool) {
        return
            order.validator != address(0) && block.timestamp <= uint256(leg.deliveredAt) + order.gracePeriod;
    }

    function _checkProof(
        bytes32 orderId,
        uint8 index,
        bytes calldata output,
        StatementPath calldata path,
        bytes calldata seal
    ) private view returns (bytes32 statementDigest, address royaltyReceiver) {
        bytes32 modelKey = _orders[orderId].modelKey;
        Statement memory statement;
        (statement, royaltyReceiver) = _delivered(orderId, index, output);
        statementDigest = StatementLib.digest(statement, _domainSeparatorV4());
        bytes32 root = StatementTree.root(statementDigest, path);
        (bool accepted, bytes memory reason) = router.verify(modelKey, statement, root, seal);
        if (!accepted) revert ProofRefused(reason);
    }

    /// @dev The statement of a delivered leg whose output has these bytes.
    function _delivered(bytes32 orderId, uint8 index, bytes calldata output)
        private
        view
        returns (Statement memory, address royaltyReceiver)
    {
        Order storage order = _orders[orderId];
        Leg storage leg = _legs[orderId][index];
        SystemClaim memory system = registry.claimOf(order.modelKey, leg.selector);
        bytes32 found = TensorLib.digest(system.outputs, output);
        if (found != leg.outputValue) revert OutputDiffers(leg.outputValue, found);
        return (_claim(orderId, order, leg, system), system.royaltyReceiver);
    }

    /// @dev The statement of a delivered leg.
    function _claim(bytes32 orderId, Order storage order, Leg storage leg, SystemClaim memory system)
        internal
        view
        returns (Statement memory)
    {
        Commitment memory output = Commitment(leg.outputScheme, leg.outputValue);
        return _statement(orderId, order, system, order.provider, output);
    }

    function _statement(
        bytes32 orderId,
        Order storage order,
        SystemClaim memory system,
        address provider,
        Commitment memory output
    ) private view returns (Statement memory) {
        return Statement({
            model: system.model,
            system: system.system,
            program: system.program,
            key: system.key,
            input: Commitment(order.inputScheme, order.inputValue),
            output: output,
            order: orderId,
            provider: provider,
            nonce: order.nonce
        });
    }

    /// @dev For a leg that is in its grace period only when the validator itself settles it: its share is a
    /// duty done in time. The provider takes what the other shares and rounding leave, so the shares sum to the price.
    function _pay(
        bytes32 orderId,
        uint8 index,
        address royaltyReceiver,
        bytes32 statementDigest,
        bytes calldata output
    ) internal {
        Order storage order = _orders[orderId];
        Payout memory payout = _share(orderId, index, order, royaltyReceiver);
        emit LegSettled(orderId, order.provider, msg.sender, index, statementDigest, output, payout);
        _returnBond(orderId, index, order);
    }

    function _share(bytes32 orderId, uint8 index, Order storage order, address royaltyReceiver)
        private
        returns (Payout memory payout)
    {
        bool punctual = _inGracePeriod(order, _legs[orderId][index]);
        if (!punctual && order.validator != address(0)) emit DutyMissed(orderId, index, order.validator);
        payout = _payout(_legAmount(orderId, order.price, index), order, punctual);
        _credit(order.provider, payout.provider);
        _credit(order.validator, payout.validator);
        _credit(royaltyReceiver, payout.royalty);
        _credit(treasury, payout.treasury);
    }

    function _payout(uint256 amount, Order storage order, bool punctual)
        private
        view
        returns (Payout memory payout)
    {
        uint256 duty = amount * order.validatorBps / 10_000;
        payout.royalty = amount * order.royaltyBps / 10_000;
        payout.treasury = amount * order.treasuryBps / 10_000;
        payout.provider = amount - duty - payout.royalty - payout.treasury;
        if (punctual) payout.validator = duty;
        else payout.treasury += duty;
    }

    function _refund(bytes32 orderId, uint8 index, Order storage order, LegState end) private {
        uint256 refund = _legAmount(orderId, order.price, index);
        _credit(order.requester, refund);
        emit LegExpired(orderId, index, end, refund);
    }

    function _returnBond(bytes32 orderId, uint8 index, Order storage order) private {
        uint256 amount = _legAmount(orderId, order.bond, index);
        _credit(order.provider, amount);
        emit BondReturned(orderId, index, order.provider, amount);
    }

    function _slashBond(bytes32 orderId, uint8 index, Order storage order) private {
        uint256 amount = _legAmount(orderId, order.bond, index);
        uint256 toRequester = amount * order.compensationBps / 10_000;
        uint256 toTreasury = amount - toRequester;
        _credit(order.requester, toRequester);
        _credit(treasury, toTreasury);
        emit BondSlashed(orderId, index, order.provider, toRequester, toTreasury);
    }

    /// @dev Reverts with this error, unless it is empty.
    function _revertWith(bytes memory reason) private pure {
        if (reason.length == 0) return;
        assembly ("memory-safe") {
            revert(add(reason, 32), mload(reason))
        }
    }

    function _requirePassed(bytes32 orderId, uint8 index, uint256 deadline) private view {
        if (block.timestamp <= deadline) revert NotYetExpired(orderId, index, deadline);
    }
}
