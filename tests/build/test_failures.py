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
