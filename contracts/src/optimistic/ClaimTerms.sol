// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {ClaimParameters, IClaims, ModelClaimTerms} from "../interfaces/IClaims.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";

/// @notice The bounds of the parameters of claims.
library ClaimParametersLib {
    uint256 internal constant MINIMUM_WINDOW = 10 minutes;
    uint256 internal constant MAXIMUM_WINDOW = 3 days;

    /// @notice Reverts when a parameter is outside its bounds.
    function check(ClaimParameters memory parameters) internal pure {
        _within("claimBond", parameters.claimBond, 2, type(uint96).max);
        // A winner gets half of the claim bond: never less than a challenger risks.
        _within("challengeBond", parameters.challengeBond, 1, parameters.claimBond / 2);
        _within("clock", parameters.clock, 5 minutes, 1 days);
        // The last move of a challenger takes two transactions, each of which may miss a slot of twelve seconds.
        _within("extension", parameters.extension, 1 minutes, 1 hours);
        uint256 window = leastWindow(parameters.clock);
        _within(
            "window", parameters.window, window < MINIMUM_WINDOW ? MINIMUM_WINDOW : window, MAXIMUM_WINDOW
        );
        _within("margin", parameters.margin, 5 minutes, 1 days);
    }

    /// @notice The shortest window beside a clock. What a clock must outlast, a chain that lets nobody's transactions
    /// through, a window must outlast as well, and leave time to recompute.
    function leastWindow(uint32 clock) internal pure returns (uint32) {
        return 2 * clock;
    }

    /// @notice Reverts when what a model's owner sets is outside its bounds.
    function check(ModelClaimTerms memory terms) internal pure {
        if (terms.window != 0) _within("window", terms.window, MINIMUM_WINDOW, MAXIMUM_WINDOW);
    }

    function _within(string memory name, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert IClaims.ParameterOutOfBounds(name, value, minimum, maximum);
        }
    }
}

/// @title Under which terms a claim is made: those in force when its order was requested
/// @notice Governance sets parameters, a model's owner the window and whether traces may be lazy. What is set
/// comes into force after a notice, and never for an order that is requested already: who paid for it was promised
/// a window, and who locks it can read what it will have to meet.
abstract contract ClaimTerms is IClaims, Ownable2Step {
    /// @notice Seconds from the setting of terms until they are in force; longer than a request takes to be mined.
    uint64 public constant NOTICE = 10 minutes;

    IModelRegistry public immutable registry;
    mapping(uint16 version => ClaimParameters) private _versions;
    uint64[] private _since;
    mapping(bytes32 modelKey => ModelClaimTerms[]) private _modelVersions;
    mapping(bytes32 modelKey => uint64[]) private _modelSince;

    constructor(IModelRegistry registry_, address owner_, ClaimParameters memory parameters_)
        Ownable(owner_)
    {
        registry = registry_;
        _push(parameters_, 0);
    }

    /// @notice Sets the terms of orders that are requested after the notice.
    function setParameters(ClaimParameters calldata parameters_) external onlyOwner {
        _push(parameters_, uint64(block.timestamp) + NOTICE);
    }

    /// @notice Sets, for the caller's own model, the terms of orders that are requested after the notice.
    function setModelTerms(bytes32 modelKey, ModelClaimTerms calldata terms) external {
        if (msg.sender != registry.modelOf(modelKey).owner) revert NotModelOwner(modelKey, msg.sender);
        ClaimParametersLib.check(terms);
        _modelVersions[modelKey].push(terms);
        _modelSince[modelKey].push(uint64(block.timestamp) + NOTICE);
        emit ModelTermsChanged(modelKey, terms);
    }

    /// @notice The terms that hold for orders requested at that time; with the window of that model.
    function termsAt(bytes32 modelKey, uint64 requestedAt)
        public
        view
        returns (ClaimParameters memory parameters_, bool lazy, uint16 version)
    {
        version = uint16(_before(_since, requestedAt) - 1);
        parameters_ = _versions[version];
        uint256 count = _before(_modelSince[modelKey], requestedAt);
        if (count == 0) return (parameters_, false, version);
        ModelClaimTerms memory terms = _modelVersions[modelKey][count - 1];
        lazy = terms.lazy;
        if (terms.window == 0) return (parameters_, lazy, version);
        uint32 least = ClaimParametersLib.leastWindow(parameters_.clock);
        parameters_.window = terms.window < least ? least : terms.window;
    }

    /// @notice The parameters with that number; zeros when there are none.
    function parametersOf(uint16 version) public view returns (ClaimParameters memory) {
        return _versions[version];
    }

    /// @notice How many times the parameters were set.
    function versions() external view returns (uint256) {
        return _since.length;
    }

    function _push(ClaimParameters memory parameters_, uint64 since) private {
        ClaimParametersLib.check(parameters_);
        uint256 version = _since.length;
        if (version > type(uint16).max) {
            revert ParameterOutOfBounds("version", version, 0, type(uint16).max);
        }
        _versions[uint16(version)] = parameters_;
        _since.push(since);
        emit ParametersChanged(uint16(version), parameters_);
    }

    /// @dev Alone, as it costs one read of storage where all parameters cost two.
    function _claimBond(uint16 version) internal view returns (uint256) {
        return _versions[version].claimBond;
    }

    /// @dev How many of the rising times are before `moment`. Halves the list: an owner who sets terms again and
    /// again must not make a claim unaffordable.
    function _before(uint64[] storage times, uint64 moment) private view returns (uint256 count) {
        uint256 end = times.length;
        while (count < end) {
            uint256 middle = (count + end) / 2;
            if (times[middle] < moment) count = middle + 1;
            else end = middle;
        }
    }
}
