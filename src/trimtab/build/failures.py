"""Why a build failed, as far as that is nobody's fault who wrote the Dockerfile."""

import re
from enum import StrEnum


class Outage(StrEnum):
    """What was missing for a moment, so that the same build may succeed later."""

    NETWORK = "the network or a server behind it failed"
    NO_SPACE = "the disk is full"
    ENGINE = "the engine went away"

    @property
    def passes(self) -> bool:
        """Whether it is worth while to try again a little later."""
        return self is not Outage.NO_SPACE


_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded|\benospc\b", re.IGNORECASE)
_ENGINE = re.compile(
    r"""cannot\ connect\ to\ the\ docker\ daemon|error\ during\ connect|is\ the\ docker\ daemon\ running
    |failed\ to\ receive\ status:\ rpc\ error|error\ reading\ (?:from\ server|preface)|transport\ is\ closing
    |code\ =\ (?:unavailable|canceled)\ desc|docker\.sock:\ connect:|grpc:\ the\ client\ connection\ is\ closing""",
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip
_NETWORK = re.compile(
    r"""temporary\ failure\ (?:in\ name\ resolution|resolving)|could\ not\ resolve\ (?:host|proxy)|name\ or\ service\ not\ known
    |\bEAI_AGAIN\b|\bE(?:CONNRESET|CONNREFUSED|TIMEDOUT|NETUNREACH|HOSTUNREACH)\b
    |connection\ (?:reset\ by\ peer|refused|timed\ out)|network\ is\ unreachable|no\ route\ to\ host
    |i/o\ timeout|tls\ handshake\ timeout|read\ timed\ out|operation\ timed\ out
    |\b(?:429|502|503|504)\b:?\ +(?:bad\ gateway|service\ unavailable|gateway\ time-?out|too\ many\ requests)|toomanyrequests
    |unexpected\ status\ (?:code\ |from\ \S+\ request\ to\ \S+:\ )?(?:429|50[0234])|hash\ sum\ mismatch
    |server\ misbehaving|lookup\ \S+(?:\ on\ \S+)?:\ no\ such\ host""",
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip

_OWN_COMMAND = "did not complete successfully"
_ITSELF = re.compile(r"\b127(?:\.\d+){3}\b|\blocalhost\b|\[?::1\]?:\d")
"""A command that finds nobody on its own machine: a test without its database, which no second try brings up."""


def outage(log: str) -> Outage | None:
    """What failed beside the build, by the last lines that it printed; None when the build itself is to blame.

    A full disk also breaks what looks like the network's fault, so it is asked for first.
    """
    lines = log.splitlines()[-40:]
    if any(_OWN_COMMAND in line for line in lines):
        lines = [line for line in lines if not _ITSELF.search(line)]
    tail = "\n".join(lines)
    if _NO_SPACE.search(tail):
        return Outage.NO_SPACE
    if _ENGINE.search(tail):
        return Outage.ENGINE
    return Outage.NETWORK if _NETWORK.search(tail) else None
