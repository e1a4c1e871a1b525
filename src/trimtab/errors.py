"""Errors with a cause and a next step.

TrimtabError
├── UsageError        the arguments or the configuration are wrong (exit 2)
├── ToolError         a program that is needed is missing or failed (exit 2)
│   ├── EngineMissing no Docker engine answers
│   ├── EngineRefused the engine does not do what it was asked
│   ├── EngineOutage  the network behind the engine failed, or its disk is full
│   ├── CommandFailed a command ended with an error nobody expected
│   └── CommandTimedOut  a command did not end in the time it was given
└── StateError        something trimtab keeps is locked or unreadable (exit 2)
"""


class TrimtabError(Exception):
    """A failure that the user can do something about; the message says what."""


class UsageError(TrimtabError):
    """The arguments or the configuration are wrong."""


class ToolError(TrimtabError):
    """A program that is needed is missing or failed."""


class EngineMissing(ToolError):
    """No Docker engine answers."""


class EngineOutage(ToolError):
    """The network behind the engine failed, or its disk is full: the same may succeed later."""


class EngineRefused(ToolError):
    """The engine does not do what it was asked, and says why."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(f"The engine refused `{request}` ({status}): {reason}")


class CommandFailed(ToolError):
    """A command ended with an error nobody expected."""

    def __init__(self, argv: tuple[str, ...], code: int, stderr: str) -> None:
        self.argv, self.code, self.stderr = argv, code, stderr
        tail = stderr.strip().splitlines()[-3:]
        super().__init__(f"`{' '.join(argv[:4])} …` ended with {code}: {' / '.join(tail)}")


class CommandTimedOut(ToolError, TimeoutError):
    """A command did not end in the time it was given, and was stopped."""

    def __init__(self, argv: tuple[str, ...], seconds: float) -> None:
        self.argv, self.seconds = argv, seconds
        step = "See whether the engine answers `docker info`." if argv[:1] == ("docker",) else "Try it by hand."
        super().__init__(f"`{' '.join(argv[:4])} …` did not end within {seconds:.0f} s and was stopped. {step}")


class StateError(TrimtabError):
    """Something trimtab keeps is locked or unreadable."""
