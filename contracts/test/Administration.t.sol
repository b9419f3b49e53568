// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";

import {AnchorRegistry} from "../src/AnchorRegistry.sol";
import {RegistryTest} from "./RegistryTest.sol";

contract ConstructorTest is RegistryTest {
    function test_SetsAdministratorAnchorerAndPredecessor() public view {
        vm.assertEq(registry.defaultAdmin(), ADMIN);
        vm.assertEq(registry.defaultAdminDelay(), DELAY);
        vm.assertTrue(registry.hasRole(role, ANCHORER));
        vm.assertFalse(registry.hasRole(role, ADMIN));
        vm.assertFalse(registry.hasRole(role, address(this)));
        vm.assertEq(registry.predecessor(), PREDECESSOR);
    }

    function test_GrantsNoAnchorerForZero() public {
        registry = new AnchorRegistry(DELAY, ADMIN, address(0), address(0));
        vm.assertFalse(registry.hasRole(role, address(0)));
        vm.assertEq(registry.predecessor(), address(0));
    }

    function test_RevertsWithoutAdministrator() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector, address(0)
            )
        );
        new AnchorRegistry(DELAY, address(0), ANCHORER, address(0));
    }

    function testFuzz_CodeIsTheSameForAll(uint48 delay, address admin, address anchorer, address previous) public {
        vm.assume(admin != address(0));
        AnchorRegistry other = new AnchorRegistry(delay, admin, anchorer, previous);
        vm.assertEq(address(other).codehash, address(registry).codehash);
    }
}

contract AdministratorTest is RegistryTest {
    function test_RevokesTheAnchorer() public {
        vm.prank(ADMIN);
        registry.revokeRole(role, ANCHORER);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, ANCHORER, role)
        );
        anchor(ROOT, 1);
    }

    function test_GrantsASecondAnchorer() public {
        vm.prank(ADMIN);
        registry.grantRole(role, STRANGER);
        vm.prank(STRANGER);
        registry.anchor(ROOT, 1);
        anchor(OTHER_ROOT, 1);
    }

    function testFuzz_NobodyElseGrants(address caller, address account) public {
        vm.assume(caller != ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, caller, bytes32(0))
        );
        vm.prank(caller);
        registry.grantRole(role, account);
    }

    function test_CannotLeaveOrHandOverInOneStep() public {
        vm.prank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector, 0)
        );
        registry.renounceRole(bytes32(0), ADMIN);

        vm.prank(ADMIN);
        vm.expectRevert(IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminRules.selector);
        registry.grantRole(bytes32(0), STRANGER);

        vm.prank(ADMIN);
        vm.expectRevert(IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminRules.selector);
        registry.revokeRole(bytes32(0), ADMIN);
    }

    function test_HandsOverAfterTheDelay() public {
        vm.prank(ADMIN);
        registry.beginDefaultAdminTransfer(STRANGER);
        uint256 due = block.timestamp + DELAY;

        vm.warp(due);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector, due)
        );
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
        vm.assertEq(registry.defaultAdmin(), ADMIN);

        vm.warp(due + 1);
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
        vm.assertEq(registry.defaultAdmin(), STRANGER);
        vm.assertFalse(registry.hasRole(bytes32(0), ADMIN));
    }

    function test_CancelsAHandOver() public {
        vm.prank(ADMIN);
        registry.beginDefaultAdminTransfer(STRANGER);
        vm.prank(ADMIN);
        registry.cancelDefaultAdminTransfer();
        vm.warp(block.timestamp + DELAY + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector, STRANGER)
        );
        vm.prank(STRANGER);
        registry.acceptDefaultAdminTransfer();
    }
}

/// @dev Whoever has no role writes nothing, whichever function is called with whichever arguments.
contract StrangerTest is RegistryTest {
    function setUp() public override {
        super.setUp();
        loadSelectors();
    }

    function testFuzz_WritesNothing(address caller, bytes32 first, bytes32 second, bytes32 third) public {
        vm.assume(caller != ADMIN && caller != ANCHORER);
        for (uint256 i = 0; i < selectors.length; ++i) {
            assertWritesNothing(caller, abi.encodePacked(selectors[i], first, second, third));
            assertWritesNothing(caller, abi.encodePacked(selectors[i], role, uint256(uint160(caller))));
        }
        assertWritesNothing(caller, abi.encode(first));
    }

    function assertWritesNothing(address caller, bytes memory data) private {
        vm.record();
        (bool success,) = send(caller, data);
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        vm.assertTrue(!success || writes.length == 0);
    }
}
