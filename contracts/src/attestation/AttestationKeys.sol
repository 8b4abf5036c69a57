// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {AttestationParameters} from "../interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {Ledger} from "../money/Ledger.sol";
import {AttestationGovernance} from "./AttestationGovernance.sol";
import {Contradictions} from "./Contradictions.sol";
import {Services} from "./Services.sol";

/// @title Keys of attested workers
/// @notice Its parts, from the money upwards: Ledger, AttestationGovernance, Registrars, Services, KeyBook,
/// Registrations, Contradictions. Nobody can stop it.
contract AttestationKeys is Contradictions {
    constructor(
        IAvowMarket market_,
        IProofRouter router_,
        IClaims claims_,
        address owner_,
        address guardian_,
        AttestationParameters memory parameters_
    )
        Ledger(IERC20(market_.token()))
        AttestationGovernance(owner_, guardian_, parameters_)
        Services(market_)
        EIP712("Avow attestation", "1")
        Contradictions(market_, router_, claims_)
    {}
}
