// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";

/// @notice What governance can set, within the bounds of `MarketParametersLib`. New orders take the values
/// of their moment; orders that exist keep theirs.
/// @param validatorBps share of a leg's price for the assigned validator.
/// @param treasuryBps share of a leg's price for the treasury.
/// @param maximumRoyaltyBps the highest model royalty that an order may carry.
/// @param compensationBps share of a slashed bond for the requester; the rest goes to the treasury.
/// @param minimumBondBps least bond of an order, relative to its price.
/// @param gracePeriod seconds after delivery in which only the assigned validator settles.
/// @param settlementWindow seconds after delivery in which a leg can be settled; at least twice the grace
/// period, so that a provider whose validator sleeps has at least one grace period to settle by itself.
/// @param releaseWindow seconds after locking in which an order with its input by URI can be handed back.
/// @param maximumDuration seconds from the request to the latest deadline.
/// @param callbackGasCap most gas that a callback may ask for.
struct MarketParameters {
    uint16 validatorBps;
    uint16 treasuryBps;
    uint16 maximumRoyaltyBps;
    uint16 compensationBps;
    uint16 minimumBondBps;
    uint32 gracePeriod;
    uint32 settlementWindow;
    uint32 releaseWindow;
    uint32 maximumDuration;
    uint32 callbackGasCap;
}

/// @notice The bounds of the market's parameters. They leave the provider at least half of every price.
library MarketParametersLib {
    /// @notice Reverts when a parameter is outside its bounds.
    function check(MarketParameters memory parameters) internal pure {
        _within("validatorBps", parameters.validatorBps, 0, 1_500);
        _within("treasuryBps", parameters.treasuryBps, 0, 1_000);
        _within("maximumRoyaltyBps", parameters.maximumRoyaltyBps, 0, 2_500);
        _within("compensationBps", parameters.compensationBps, 0, 10_000);
        _within("minimumBondBps", parameters.minimumBondBps, 0, 10_000);
        _within("gracePeriod", parameters.gracePeriod, 10 seconds, 1 days);
        _within("settlementWindow", parameters.settlementWindow, 2 * uint256(parameters.gracePeriod), 7 days);
        _within("releaseWindow", parameters.releaseWindow, 0, 1 days);
        _within("maximumDuration", parameters.maximumDuration, 10 minutes, 90 days);
        _within("callbackGasCap", parameters.callbackGasCap, 50_000, 2_000_000);
    }

    function _within(string memory name, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert IAvowMarket.ParameterOutOfBounds(name, value, minimum, maximum);
        }
    }
}
