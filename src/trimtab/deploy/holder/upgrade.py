"""How one HAProxy takes over from another without losing a connection: a newer program, or another configuration.

The order, for whoever runs the processes; both need the lane's network namespace, its folder and the same user:

1. Write the configuration with the new process's name in `Settings.process`, and `HOLD_FILE`.
2. Start the new process with `take_over`. It gets the listening sockets themselves from the old one, so that no
   connection in their queues is lost; ports that only the new configuration has are bound by it.
3. Ask `SHOW_INFO` until an answer `is_from` the new process. From here both accept connections, and either may answer.
4. Send the old process `LEAVE`. It accepts no more, answers what is under way, and tells callers on kept connections to
   open another with their next answer.
5. Wait for the old process to end, then see that it is gone. What keeps it are slow requests, websockets and plain TCP,
   and for 75 s at most connections of HTTP that nothing is asked on. A limit ends it with SIGTERM, which cuts all that.

When step 3 does not come, end the new process: the old one has not been told anything. Between 2 and 4 no rollout may
begin, because its commands would reach one process or the other.

After 4 the old process hears of no switch, and its sessions are in no count of the new one's: to a rollout it is one more
session on the version that was live. So no version is stopped before a process that leaves has ended, up to the limit of
that rollout's drain.

Whatever its status is, a process that was told to leave has left: 2.6.12 sometimes ends with SIGSEGV while it frees its
memory, after its last connection (3 of 19 times here; haproxy/haproxy#2114, fixed later).
"""

from typing import Final

from trimtab.deploy.holder.configuration import CONFIGURATION_FILE, SOCKET_FILE, Settings
from trimtab.deploy.holder.runtime import information

LEAVE: Final = "SIGUSR1"
"""The signal that lets HAProxy finish its connections and then end with status 0."""


def check(settings: Settings) -> tuple[str, ...]:
    """Ends with 0 when HAProxy would take the configuration; names it does not find yet are no error."""
    return ("haproxy", "-c", "-f", _file(settings))


def start(settings: Settings) -> tuple[str, ...]:
    """HAProxy in the foreground, where none runs in the lane: the first time, and after a crash."""
    return ("haproxy", "-db", "-f", _file(settings))


def take_over(settings: Settings) -> tuple[str, ...]:
    """HAProxy in the foreground with the listening sockets of the one that runs. It fails where none runs."""
    return (*start(settings), "-x", f"{settings.folder}/{SOCKET_FILE}")


def is_from(answer: str, settings: Settings) -> bool:
    """Whether an answer to `SHOW_INFO` came from the process with these settings."""
    return information(answer).get("description") == settings.process


def _file(settings: Settings) -> str:
    return f"{settings.folder}/{CONFIGURATION_FILE}"
