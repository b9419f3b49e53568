"""From where a request comes."""

import pytest

from service.addresses import UNKNOWN, address_of, site_of


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("testclient", "testclient"),
        (UNKNOWN, UNKNOWN),
    ],
)
def test_site_is_what_one_customer_has(address: str, site: str) -> None:
    assert site_of(address) == site


def test_address_is_the_clients() -> None:
    assert address_of({"client": ("192.0.2.7", 4321)}) == "192.0.2.7"
    assert address_of({"client": None}) == address_of({}) == UNKNOWN
