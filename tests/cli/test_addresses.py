"""Addresses to listen on, as options name them."""

import pytest

from trimtab.addresses import Address, read_address
from trimtab.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port", "alone"),
    [
        ("127.0.0.1:8001", "127.0.0.1", 8001, True), (":8001", "127.0.0.1", 8001, True), ("[::1]:80", "::1", 80, True),
        ("localhost:0", "localhost", 0, True), ("0.0.0.0:8001", "0.0.0.0", 8001, False), ("[::]:1", "::", 1, False),
        ("192.168.1.4:8001", "192.168.1.4", 8001, False), ("build.lan:8001", "build.lan", 8001, False),
    ],
)  # fmt: skip
def test_addresses(text: str, host: str, port: int, alone: bool) -> None:
    found = read_address("--listen", text, 8001)
    assert (found, found.is_loopback) == (Address(host, port), alone)
    assert read_address("--listen", found.authority, 1) == found


@pytest.mark.parametrize(
    "text", ["8001", "127.0.0.1", "127.0.0.1:", "a:70000", "::1:80", "a:-1", "[::1:80", "a]:80", "a:" + "9" * 5000, "a:٨٠"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match=r"`--listen .*` is no address; write `127\.0\.0\.1:8001`"):
        read_address("--listen", text, 8001)
