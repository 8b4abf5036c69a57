// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market, MarketConfig} from "../../src/Market.sol";
import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {PaymentToken} from "../../src/PaymentToken.sol";
import {ProofRouter} from "../../src/ProofRouter.sol";
import {ValidatorSet} from "../../src/ValidatorSet.sol";
import {EzklAdapter} from "../../src/adapters/EzklAdapter.sol";
import {SumcheckAdapter} from "../../src/adapters/SumcheckAdapter.sol";
import {DigitReader} from "../../src/examples/DigitReader.sol";
import {RiskAwareLendingPool} from "../../src/examples/RiskAwareLendingPool.sol";
import {Timelock} from "../../src/governance/Timelock.sol";
import {OptimisticAdapter} from "../../src/adapters/OptimisticAdapter.sol";
import {ClaimParameters, IClaims} from "../../src/interfaces/IClaims.sol";
import {IReferee} from "../../src/interfaces/IReferee.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IReferee} from "../../src/interfaces/IReferee.sol";
import {ISumcheckVerifier} from "../../src/interfaces/ISumcheckVerifier.sol";
import {WatchParameters} from "../../src/interfaces/IWatch.sol";
import {IProofRouter, RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {Claims} from "../../src/optimistic/Claims.sol";
import {Watch} from "../../src/optimistic/Watch.sol";
import {TestBase} from "./TestBase.sol";

/// @notice Deploys the built artifacts.
/// @dev Tests are compiled without the IR pipeline, for speed. `new Market(...)` would deploy what that
/// compiler made of it; what is tested, measured and released is the artifact of the release settings.
abstract contract Deployment is TestBase {
    function newToken(address holder, uint256 supply) internal returns (PaymentToken) {
        return PaymentToken(_deploy("PaymentToken", abi.encode(holder, supply)));
    }

    function newRegistry() internal returns (ModelRegistry) {
        return ModelRegistry(_deploy("ModelRegistry", ""));
    }

    function newAdapter(IModelRegistry registry) internal returns (EzklAdapter) {
        return EzklAdapter(_deploy("EzklAdapter", abi.encode(registry)));
    }

    function newSumcheckAdapter(IModelRegistry registry, ISumcheckVerifier verifier)
        internal
        returns (SumcheckAdapter)
    {
        return SumcheckAdapter(_deploy("SumcheckAdapter", abi.encode(registry, verifier)));
    }

    function newSumcheckVerifier() internal returns (ISumcheckVerifier) {
        return ISumcheckVerifier(_deploy("SumcheckVerifier", ""));
    }

    function newReferee() internal returns (IReferee) {
        return IReferee(_deploy("Referee", ""));
    }

    function newRouter(address owner, address guardian, RouterEntryConfig[] memory entries)
        internal
        returns (ProofRouter)
    {
        return ProofRouter(_deploy("ProofRouter", abi.encode(owner, guardian, entries)));
    }

    function newValidators(address token, uint256 minimumStake, uint64 delay, address owner)
        internal
        returns (ValidatorSet)
    {
        return ValidatorSet(_deploy("ValidatorSet", abi.encode(token, minimumStake, delay, owner)));
    }

    function newMarket(MarketConfig memory config, MarketParameters memory parameters)
        internal
        returns (Market)
    {
        return Market(_deploy("Market", abi.encode(config, parameters)));
    }

    function newClaims(
        IAvowMarket market,
        IProofRouter router,
        IReferee referee,
        address owner,
        ClaimParameters memory parameters
    ) internal returns (Claims) {
        return Claims(_deploy("Claims", abi.encode(market, router, referee, owner, parameters)));
    }

    function newWatch(Claims claims, address owner, address planter, WatchParameters memory parameters)
        internal
        returns (Watch)
    {
        return Watch(_deploy("Watch", abi.encode(claims, owner, planter, parameters)));
    }

    function newOptimisticAdapter(IClaims claims) internal returns (OptimisticAdapter) {
        return OptimisticAdapter(_deploy("OptimisticAdapter", abi.encode(claims)));
    }

    function newTimelock(uint256 delay, address[] memory proposers, address[] memory executors)
        internal
        returns (Timelock)
    {
        return Timelock(payable(_deploy("Timelock", abi.encode(delay, proposers, executors))));
    }

    function newDigitReader(IAvowMarket market, bytes32 modelKey, bytes4 selector, address owner)
        internal
        returns (DigitReader)
    {
        return DigitReader(_deploy("DigitReader", abi.encode(market, modelKey, selector, owner)));
    }

    function newLendingPool(
        IAvowMarket market,
        bytes32 modelKey,
        bytes4 selector,
        address asset,
        address collateral,
        address owner
    ) internal returns (RiskAwareLendingPool) {
        return RiskAwareLendingPool(
            _deploy("RiskAwareLendingPool", abi.encode(market, modelKey, selector, asset, collateral, owner))
        );
    }

    function _deploy(string memory name, bytes memory arguments) internal returns (address) {
        return vm.deployCode(string.concat("out/", name, ".sol/", name, ".json"), arguments);
    }
}
