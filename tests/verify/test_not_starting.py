"""Why a container that was to be observed does not start, in the engine's own words."""

from collections.abc import Callable

import anyio
import pytest

from trimtab.docker import Command, Completed
from trimtab.verify.behave import StartOptions, observe

REASON = "unable to find user node: no matching entries in passwd file"


class Refusing:
    """An engine that starts nothing."""

    def __init__(self, stderr: str) -> None:
        self.stderr = stderr

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        del on_line, timeout
        return Completed(command.argv, 125, b"", self.stderr)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        del sink
        return Completed(command.argv, 125, b"", self.stderr)


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (f"docker: Error response from daemon: {REASON}\n\nRun 'docker run --help' for more information\n", REASON),
        (f"docker: Error response from daemon: {REASON}.\nSee 'docker run --help'.\n", f"{REASON}."),
        ("out of space\n", "out of space"),
        ("", ""),
    ],
)
def test_the_reason_is_told_and_no_hint(stderr: str, words: str) -> None:
    seen = anyio.run(observe, Refusing(stderr), "image", "run", StartOptions({}, None))
    assert (seen.state, seen.last_words) == ("does not start", words)
