// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {AskTerms, AvowConsumer} from "../consumer/AvowConsumer.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {ElementType} from "../types/Tensor.sol";

/// @title Example: a contract that reads handwritten digits
/// @notice Asks a classifier what digit an image shows and keeps the proven answer.
contract DigitReader is AvowConsumer, Ownable {
    using SafeERC20 for IERC20;

    bytes32 public immutable modelKey;
    bytes4 public immutable selector;
    ElementType public immutable outputType;

    bytes32 public lastOrder;
    uint8 public lastDigit;
    uint256 public digitsRead;

    event DigitAsked(bytes32 indexed orderId);
    event DigitRead(bytes32 indexed orderId, uint8 digit);

    constructor(IAvowMarket market_, bytes32 modelKey_, bytes4 selector_, address owner_)
        AvowConsumer(market_)
        Ownable(owner_)
    {
        modelKey = modelKey_;
        selector = selector_;
        outputType = market_.registry().systemOf(modelKey_, selector_).outputs[0].elementType;
    }

    /// @notice Asks for an image's digit. The price is taken from this contract's tokens.
    /// @param image the model's input: its integers, row-major, big-endian.
    function ask(bytes calldata image, AskTerms calldata terms) external onlyOwner returns (bytes32 orderId) {
        orderId = _ask(modelKey, selector, image, terms);
        emit DigitAsked(orderId);
    }

    /// @notice Pays refunds and what is left of the tokens out to the owner.
    function recover() external onlyOwner {
        _withdrawCredit();
        IERC20 token = IERC20(market.token());
        token.safeTransfer(owner(), token.balanceOf(address(this)));
    }

    function _onResult(bytes32 orderId, bytes calldata output) internal override {
        lastOrder = orderId;
        lastDigit = uint8(TensorReader.argmax(output, outputType));
        ++digitsRead;
        emit DigitRead(orderId, lastDigit);
    }
}
