// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {AskTerms, AvowConsumer} from "../consumer/AvowConsumer.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {ElementType} from "../types/Tensor.sol";
import {LegRequest} from "../types/Order.sol";

/// @notice What is known of a question: nothing, what is only attested, what is proven.
enum Knowledge {
    None,
    Attested,
    Proven
}

/// @title Example: a first answer at once, and the certain one later
/// @notice Asks for a digit with two legs. A quick one, attested or claimed, whichever the provider chooses, for a
/// part of the price; and a proof within the hour for the rest. What must not be wrong waits for the proof.
contract TwoStepReader is AvowConsumer, Ownable {
    uint8 public constant QUICK = 0;
    uint8 public constant PROOF = 1;

    bytes32 public immutable modelKey;
    bytes16 public immutable quickSystems;
    bytes4 public immutable proofSystem;
    ElementType public immutable outputType;

    mapping(bytes32 orderId => Knowledge) public knowledgeOf;
    mapping(bytes32 orderId => uint8) public digitOf;

    event DigitAsked(bytes32 indexed orderId);
    event DigitAttested(bytes32 indexed orderId, uint8 digit);
    event DigitProven(bytes32 indexed orderId, uint8 digit);
    /// @notice The proof says something else than the quick answer did. The proof counts.
    event QuickAnswerWasWrong(bytes32 indexed orderId, uint8 attested, uint8 proven);

    /// @notice A quick system's answers have another form than the proof's: the two could not be compared.
    error AnswersDiffer(bytes4 quick, bytes4 proof);

    /// @param quickSystems_ one to four selectors, one after the other from the left.
    constructor(
        IAvowMarket market_,
        bytes32 modelKey_,
        bytes16 quickSystems_,
        bytes4 proofSystem_,
        address owner_
    ) AvowConsumer(market_) Ownable(owner_) {
        modelKey = modelKey_;
        quickSystems = quickSystems_;
        proofSystem = proofSystem_;
        IModelRegistry registry = market_.registry();
        bytes32 outputs = _outputs(registry, proofSystem_);
        for (bytes16 rest = quickSystems_; rest != 0; rest <<= 32) {
            if (_outputs(registry, bytes4(rest)) != outputs) {
                revert AnswersDiffer(bytes4(rest), proofSystem_);
            }
        }
        outputType = registry.systemOf(modelKey_, proofSystem_).outputs[0].elementType;
    }

    /// @notice Asks for an image's digit; `quickSeconds` and `terms.deliverySeconds` are the legs' deadlines, from now.
    /// @param quickBps the quick leg's share of price and bond, in basis points.
    function ask(bytes calldata image, uint64 quickSeconds, uint16 quickBps, AskTerms calldata terms)
        external
        onlyOwner
        returns (bytes32 orderId)
    {
        LegRequest[] memory legs = new LegRequest[](2);
        uint64 start = uint64(block.timestamp);
        legs[QUICK] = LegRequest(quickSystems, start + quickSeconds, quickBps);
        legs[PROOF] = LegRequest(proofSystem, start + terms.deliverySeconds, 10_000 - quickBps);
        orderId = _askLegs(modelKey, legs, image, terms);
        emit DigitAsked(orderId);
    }

    /// @notice Takes refunds and compensations out of the market into this contract.
    function takeRefunds() external onlyOwner {
        _withdrawCredit();
    }

    /// @dev The legs answer in any order: a quick answer that comes after the proof changes nothing.
    function _onLeg(bytes32 orderId, uint8 leg, bytes calldata output) internal override {
        if (leg == PROOF) {
            _onResult(orderId, output);
        } else if (knowledgeOf[orderId] == Knowledge.None) {
            uint8 digit = uint8(TensorReader.argmax(output, outputType));
            (knowledgeOf[orderId], digitOf[orderId]) = (Knowledge.Attested, digit);
            emit DigitAttested(orderId, digit);
        }
    }

    function _outputs(IModelRegistry registry, bytes4 system) private view returns (bytes32) {
        return keccak256(abi.encode(registry.systemOf(modelKey, system).outputs));
    }

    function _onResult(bytes32 orderId, bytes calldata output) internal override {
        uint8 digit = uint8(TensorReader.argmax(output, outputType));
        if (knowledgeOf[orderId] == Knowledge.Attested && digitOf[orderId] != digit) {
            emit QuickAnswerWasWrong(orderId, digitOf[orderId], digit);
        }
        (knowledgeOf[orderId], digitOf[orderId]) = (Knowledge.Proven, digit);
        emit DigitProven(orderId, digit);
    }
}
