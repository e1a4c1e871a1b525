"""What counts as an outage, in the words of the programs that builds run."""

import pytest

from trimtab.build import Outage, outage


@pytest.mark.parametrize(
    "line",
    [
        "W: Failed to fetch http://deb.example.com/x  Temporary failure resolving 'deb.example.com'",
        "curl: (6) Could not resolve host: example.com",
        "npm error code EAI_AGAIN",
        "npm error network read ECONNRESET",
        "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='x', port=443): Read timed out.",
        'ERROR: failed to do request: Head "https://registry.example.com/v2/": dial tcp: lookup registry.example.com: no such host',
        "ERROR: unexpected status from HEAD request to https://registry.example.com/v2/x: 503 Service Unavailable",
        "toomanyrequests: You have reached your pull rate limit.",
        "E: Failed to fetch http://deb.example.com/Packages  Hash Sum mismatch",
        "net/http: TLS handshake timeout",
    ],
)
def test_networks_fail_in_many_words(line: str) -> None:
    assert outage(f"#5 RUN something\n{line}\n") is Outage.NETWORK


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: failed to prepare sha256:12 as xyz: write /var/lib/docker/x: no space left on device",
        "OSError: [Errno 28] No space left on device",
        "npm error code ENOSPC",
        "E: You don't have enough free space; write: disk quota exceeded; connection refused",
    ],
)
def test_a_full_disk_is_not_the_networks_fault(line: str) -> None:
    assert outage(line) is Outage.NO_SPACE


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: Could not find a version that satisfies the requirement sixx",
        "E: Unable to locate package libfoo",
        'COPY failed: "/a.py": not found',
        "/bin/sh: 1: gcc: not found",
        "npm error 404 Not Found - GET https://index.example.com/leftpadd",
        "npm error code E404",
    ],
)
def test_what_the_build_itself_is_to_blame_for(line: str) -> None:
    assert outage(line) is None


def test_what_was_overcome_long_before_does_not_count() -> None:
    assert outage("read timed out\n" + "Collecting x\n" * 60 + "error: command 'gcc' failed\n") is None


def test_nobody_on_the_builds_own_machine_is_no_outage() -> None:
    """A test in a `RUN` that finds no database; a registry beside the builder is another matter."""
    refused = "Error: connect ECONNREFUSED 127.0.0.1:5432"
    ended = 'ERROR: failed to solve: process "/bin/sh -c npm test" did not complete successfully: exit code: 1'
    assert outage(f"{refused}\n{ended}\n") is None
    assert outage(f"npm error network read ECONNRESET\n{refused}\n{ended}\n") is Outage.NETWORK
    assert (
        outage("ERROR: failed to push localhost:5000/x: dial tcp 127.0.0.1:5000: connect: connection refused") is Outage.NETWORK
    )
