// The contracts that a deployment, the demo or a snapshot needs, with the file that holds each.
export const DEPLOYABLE = {
  PaymentToken: "PaymentToken.sol",
  ModelRegistry: "ModelRegistry.sol",
  ProofRouter: "ProofRouter.sol",
  EzklAdapter: "EzklAdapter.sol",
  SumcheckVerifier: "SumcheckVerifier.sol",
  SumcheckAdapter: "SumcheckAdapter.sol",
  Referee: "Referee.sol",
  ValidatorSet: "ValidatorSet.sol",
  Claims: "Claims.sol",
  Watch: "Watch.sol",
  OptimisticAdapter: "OptimisticAdapter.sol",
  Market: "Market.sol",
  Timelock: "Timelock.sol",
  DigitReader: "DigitReader.sol",
  RiskAwareLendingPool: "RiskAwareLendingPool.sol",
};
