// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {RegistryTest} from "./RegistryTest.sol";

/// @dev One call per test, kept in .gas-snapshot: `forge snapshot --match-contract Gas` writes the file, with `--check`
/// it compares. The figures include what the test itself costs; what a sender pays is measured by tests/contract.
contract GasTest is RegistryTest {
    bytes32[] private path;

    function setUp() public override {
        super.setUp();
        anchor(OTHER_ROOT, 1 << 20);
        publish(LIST, 1, DIGEST);
        for (uint256 i = 0; i < 20; ++i) {
            path.push(keccak256(abi.encode(i)));
        }
    }

    function test_Anchor() public {
        anchor(ROOT, 1 << 20);
    }

    function test_RawRoot() public {
        send(ANCHORER, abi.encode(ROOT));
    }

    function test_PublishFirstVersion() public {
        publish(~LIST, 1, DIGEST);
    }

    function test_PublishLaterVersion() public {
        publish(LIST, 2, ~DIGEST);
    }

    function test_MulticallOfOneRoot() public {
        multicall(1);
    }

    function test_MulticallOfTwoRoots() public {
        multicall(2);
    }

    function test_VerifyInclusionOfAMillionLeaves() public view {
        registry.verifyInclusion(OTHER_ROOT, ROOT, bytes16(ROOT), DIGEST, 0x5555, path);
    }

    function multicall(uint256 roots) private {
        bytes[] memory calls = new bytes[](roots);
        for (uint256 i = 0; i < roots; ++i) {
            calls[i] = abi.encodeCall(registry.anchor, (keccak256(abi.encode(i)), 1 << 20));
        }
        vm.prank(ANCHORER);
        registry.multicall(calls);
    }
}
