// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TeeAdapter} from "../../src/adapters/TeeAdapter.sol";
import {Contradictions} from "../../src/attestation/Contradictions.sol";
import {DcapQuoteCheck, IDcapVerifier} from "../../src/attestation/DcapQuoteCheck.sol";
import {ReceiptVerifier} from "../../src/attestation/ReceiptVerifier.sol";
import {AttestationParameters, IAttestationKeys, Tier} from "../../src/interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {IClaims} from "../../src/interfaces/IClaims.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {Deployment} from "./Deployment.sol";

/// @notice Deploys the built artifacts of `tee/v1`.
abstract contract AttestationDeployment is Deployment {
    /// @dev By the type of its parts: the contract itself is compiled by settings that tests are not.
    function newAttestationKeys(
        IAvowMarket market,
        IProofRouter router,
        IClaims claims,
        address owner,
        address guardian,
        AttestationParameters memory parameters
    ) internal returns (Contradictions) {
        bytes memory arguments = abi.encode(market, router, claims, owner, guardian, parameters);
        return Contradictions(_deploy("AttestationKeys", arguments));
    }

    function newTeeAdapter(IModelRegistry registry, IAttestationKeys keys) internal returns (TeeAdapter) {
        return TeeAdapter(_deploy("TeeAdapter", abi.encode(registry, keys)));
    }

    function newReceiptVerifier(IAttestationKeys keys, Tier minimum) internal returns (ReceiptVerifier) {
        return ReceiptVerifier(_deploy("ReceiptVerifier", abi.encode(keys, minimum)));
    }

    function newDcapQuoteCheck(address verifier, uint256 statusOffset, uint256 accepted)
        internal
        returns (DcapQuoteCheck)
    {
        bytes memory arguments = abi.encode(IDcapVerifier(verifier), statusOffset, accepted);
        return DcapQuoteCheck(_deploy("DcapQuoteCheck", arguments));
    }
}
