"""Addresses that something of ours listens on: how an option names them, and who can reach them."""

import ipaddress
from dataclasses import dataclass

from trimtab.errors import UsageError

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where a server listens: an address or a name, and a port, 0 for one that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL."""
        return f"{bracketed(self.host)}:{self.port}"


def read_address(option: str, text: str, port: int) -> Address:
    """What an option says: `127.0.0.1:8001`, `[::1]:8001`, `name:8001`, or `:8001`, which is this machine's own.

    Raises:
        UsageError: it is no address; the message names the option, and proposes the given port.
    """
    host, colon, number = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not _is_port(number) or (not is_bracketed and not set(":[]").isdisjoint(host)):
        raise UsageError(f"`{option} {text}` is no address; write `{HERE}:{port}`.")
    return Address(host.strip("[]") or HERE, int(number))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host; of names that is said of `localhost` alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """A host as it stands before a colon and a port."""
    return f"[{host}]" if ":" in host else host


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65_535
