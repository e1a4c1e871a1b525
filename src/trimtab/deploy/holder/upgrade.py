"""How one HAProxy takes over from another without losing a connection: a newer program, or another configuration.

The order, for whoever runs the processes; both need the lane's network namespace, its folder and the same user:

1. Write the configuration with the new process's name in `Settings.process`, and `HOLD_FILE`.
2. Start the new process with `take_over`. It gets the listening sockets themselves from the old one, so that no
   connection in their queues is lost; ports that only the new configuration has are bound by it.
3. Ask `SHOW_INFO` until an answer `is_from` the new process. From here both accept connections, and either may answer.
4. Send the old process `LEAVE`. It accepts no more, answers what is under way, and tells callers on kept connections to
   open another with their next answer.
5. Wait for the old process to end, up to the limit that drains have, then end it: what is left are websockets, plain
   TCP, and connections that nothing was asked on.

Between 2 and 5 no rollout may begin: the old process hears of no switch, and its sessions are in no count of the new
one's. When step 3 does not come, end the new process: the old one has not been told anything.
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
