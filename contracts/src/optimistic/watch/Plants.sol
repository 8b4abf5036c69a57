// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {Claim, ClaimParameters, ClaimState} from "../../interfaces/IClaims.sol";
import {TracedClaim} from "../../interfaces/IReferee.sol";
import {IWatch, Plant} from "../../interfaces/IWatch.sol";
import {Commitment, CommitmentScheme} from "../../types/Commitment.sol";
import {Order} from "../../types/Order.sol";
import {StatementTree} from "../../types/StatementTree.sol";
import {Verdicts} from "./Verdicts.sol";

/// @title Planted claims, and the budget of which who finds them is paid
/// @notice A plant is an ordinary claim of an ordinary order whose provider the planter is, and that it was
/// committed to beforehand. What is revealed as a plant is always overturned, so nothing is ever paid for it.
abstract contract Plants is Verdicts, Ownable2Step {
    /// @inheritdoc IWatch
    address public planter;
    /// @inheritdoc IWatch
    uint256 public budget;
    /// @inheritdoc IWatch
    mapping(bytes32 commitment => uint256) public plantedAt;
    /// @notice How many plants of an epoch were revealed.
    mapping(uint32 epoch => uint256) public plantsOf;
    mapping(bytes32 claimId => Plant) internal _plants;

    constructor(address owner_, address planter_) Ownable(owner_) {
        _setPlanter(planter_);
    }

    /// @notice Says who plants; the only thing that the owner can do.
    function setPlanter(address planter_) external onlyOwner {
        _setPlanter(planter_);
    }

    /// @inheritdoc IWatch
    function fund(uint256 amount) external nonReentrant {
        budget += amount;
        emit BudgetRaised(msg.sender, amount);
        _collect(msg.sender, amount);
    }

    /// @inheritdoc IWatch
    function plant(bytes32 commitment) external {
        if (msg.sender != planter) revert NotPlanter(msg.sender);
        if (plantedAt[commitment] != 0) revert AlreadyPlanted(commitment);
        plantedAt[commitment] = block.timestamp;
        emit PlantCommitted(commitment);
    }

    /// @inheritdoc IWatch
    function expose(
        bytes32 orderId,
        uint8 leg,
        TracedClaim calldata traced,
        bytes calldata refutation,
        bytes32 salt,
        bytes32 refutationSalt
    ) external nonReentrant {
        bytes32 claimId = traced.statementRoot;
        if (_plants[claimId].epoch != 0) revert AlreadyExposed(claimId);
        Claim memory claim = _tracedClaim(traced);
        Order memory order = _orderOf(orderId, leg, claim.provider, traced);
        uint32 epoch = _epochOf(claimId, claim, order, salt);
        _count(epoch);
        _plants[claimId] = Plant(claim.provider, epoch, 0, false, order.modelKey, 0);
        emit PlantExposed(claimId, epoch, order.modelKey, traced, refutation);
        if (claim.state == ClaimState.Overturned) _requireUnknown(traced, refutation, epoch);
        else _overturn(traced, refutation, refutationSalt);
    }

    /// @inheritdoc IWatch
    function plantOf(bytes32 claimId) external view returns (Plant memory) {
        return _plants[claimId];
    }

    /// @dev The stored claim; reverts unless it was made of these values.
    function _tracedClaim(TracedClaim calldata traced) internal view returns (Claim memory claim) {
        claim = claims.claimOf(traced.statementRoot);
        if (claim.digest != keccak256(abi.encode(traced))) revert ClaimDiffers(traced.statementRoot);
    }

    function _requireRefuted(TracedClaim calldata traced, bytes calldata refutation) internal view {
        if (!claims.referee().refutes(traced, refutation)) revert NotRefuted(traced.statementRoot);
    }

    /// @dev The order of the claim. A validator must have been able to check: the input is in the order.
    function _orderOf(bytes32 orderId, uint8 leg, address provider, TracedClaim calldata traced)
        private
        view
        returns (Order memory order)
    {
        Commitment memory output = Commitment(CommitmentScheme.PUBLIC, traced.output);
        (, bytes32 digest) = claims.market().statementFor(orderId, leg, provider, output);
        bytes32 root = StatementTree.leaf(digest);
        if (root != traced.statementRoot) revert StatementDiffers(traced.statementRoot, root);
        order = claims.market().orderOf(orderId);
        if (order.inputByUri) revert InputByUri(orderId);
    }

    /// @dev The epoch in which it was claimed: planted before, and revealed after verdicts were due.
    function _epochOf(bytes32 claimId, Claim memory claim, Order memory order, bytes32 salt)
        private
        view
        returns (uint32 epoch)
    {
        uint256 claimedAt = _claimedAt(claim, order);
        uint256 planted = plantedAt[keccak256(abi.encode(claimId, salt))];
        if (planted == 0 || planted >= claimedAt) revert NotPlantedBefore(claimId, planted, claimedAt);
        epoch = epochAt(claimedAt);
        uint256 first = timesOf(epoch).verdictsBy + 1;
        uint256 last = timesOf(epoch).revealsBy;
        if (block.timestamp < first) revert TooEarly(first);
        if (block.timestamp > last) revert TooLate(last);
    }

    function _claimedAt(Claim memory claim, Order memory order) private view returns (uint256) {
        (ClaimParameters memory terms,,) = claims.termsAt(order.modelKey, order.requestedAt);
        return claim.windowEnd - terms.window;
    }

    function _count(uint32 epoch) private {
        uint256 most = parameters().maximumPlants;
        if (plantsOf[epoch] == most) revert TooManyPlants(epoch, most);
        ++plantsOf[epoch];
        uint256 bounty = parameters().bounty;
        if (budget < bounty) revert BudgetTooLow(budget, bounty);
        budget -= bounty;
    }

    /// @dev Somebody was faster, but not so fast that others could have read its verdict.
    function _requireUnknown(TracedClaim calldata traced, bytes calldata refutation, uint32 epoch)
        private
        view
    {
        uint256 overturnedAt = claims.overturnedAt(traced.statementRoot);
        uint256 due = timesOf(epoch).verdictsBy;
        if (overturnedAt <= due) revert OverturnedBefore(traced.statementRoot, overturnedAt, due);
        _requireRefuted(traced, refutation);
    }

    /// @dev What overturning pays goes to the budget, where the planter cannot get at it.
    function _overturn(TracedClaim calldata traced, bytes calldata refutation, bytes32 salt) private {
        claims.refute(traced, refutation, salt);
        uint256 reward = claims.withdraw();
        budget += reward;
        emit BudgetRaised(address(claims), reward);
    }

    function _setPlanter(address planter_) private {
        planter = planter_;
        emit PlanterChanged(planter_);
    }
}
