"""The kernel's own table of sockets, as a program in a container's network sees it."""

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"
"""The state of a socket that listens (`TCP_LISTEN` of the kernel's `include/net/tcp_states.h`)."""
_LOOPBACK = ("0100007F", "00000000000000000000000001000000")
"""127.0.0.1 and ::1 as the tables have them, on machines that store the lowest byte first."""


def listening(text: str, *, reachable: bool = False) -> set[int]:
    """The TCP ports that are listened on.

    Args:
        text: The contents of the tables.
        reachable: Only ports that others can reach: none that listens on loopback alone.
    """
    ports: set[int] = set()
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING and ":" in fields[1]:
            address, _, port = fields[1].rpartition(":")
            # 127.0.0.11, the engine's own DNS, is loopback too.
            if not (reachable and (address in _LOOPBACK or (len(address) == 8 and address.endswith("7F")))):
                ports.add(int(port, 16))
    return ports
