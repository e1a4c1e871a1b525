"""The kernel's own table of sockets, as a program in a container's network sees it."""

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"
"""The state of a socket that listens (`TCP_LISTEN` of the kernel's `include/net/tcp_states.h`)."""
_LOOPBACK = ("0100007F", "00000000000000000000000001000000")
"""127.0.0.1 and ::1 as the tables have them, on machines that store the lowest byte first."""
_INODE = 9
"""The field with a socket's inode, as `get_tcp4_sock` of the kernel's `net/ipv4/tcp_ipv4.c` prints them."""


def listening(text: str, *, reachable: bool = False) -> set[int]:
    """The TCP ports that are listened on.

    Args:
        text: The contents of the tables.
        reachable: Only ports that others can reach: none that listens on loopback alone.
    """
    return set(listeners(text, reachable=reachable))


def listeners(text: str, *, reachable: bool = False) -> dict[int, set[int]]:
    """The TCP ports that are listened on, each with the sockets that do: several where they share it. Arguments as above."""
    ports: dict[int, set[int]] = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > _INODE and fields[3] == _LISTENING and ":" in fields[1]:
            address, _, port = fields[1].rpartition(":")
            # 127.0.0.11, the engine's own DNS, is loopback too.
            if not (reachable and (address in _LOOPBACK or (len(address) == 8 and address.endswith("7F")))):
                ports.setdefault(int(port, 16), set()).add(int(fields[_INODE]))
    return ports
