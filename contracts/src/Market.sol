// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IProofRouter} from "./interfaces/IProofRouter.sol";
import {IValidatorSet} from "./interfaces/IValidatorSet.sol";
import {BatchSettlement} from "./market/BatchSettlement.sol";
import {MarketGovernance} from "./market/MarketGovernance.sol";
import {MarketParameters} from "./market/MarketParameters.sol";
import {OrderBook} from "./market/OrderBook.sol";
import {OrderTerms} from "./market/OrderTerms.sol";
import {Ledger} from "./money/Ledger.sol";

/// @notice What a market is made of; none of it but the governed part ever changes.
/// @param token an ERC-20 token that transfers exactly what it is told to.
/// @param owner sets parameters and treasury; meant to be a TimelockController.
/// @param guardian may stop new orders.
struct MarketConfig {
    IERC20 token;
    IModelRegistry registry;
    IProofRouter router;
    IValidatorSet validators;
    address owner;
    address guardian;
    address treasury;
}

/// @title The market: inference is requested, proven and paid here
/// @notice Its parts, from the money upwards: Ledger, MarketGovernance, OrderBook, CallbackDesk, Settlement,
/// BatchSettlement.
contract Market is BatchSettlement {
    constructor(MarketConfig memory config, MarketParameters memory parameters_)
        Ledger(config.token)
        MarketGovernance(
            config.owner,
            config.guardian,
            config.treasury,
            parameters_,
            new OrderTerms(config.registry, config.router)
        )
        OrderBook(config.registry, config.router, config.validators)
    {}
}
