"""Failures of an experiment that say nothing about the change it was made for."""

from trimtab.errors import CommandFailed, EngineOutage
from trimtab.verify.evidence import Verdict, VerdictKind

NOBODYS_FAULT = (CommandFailed, EngineOutage, OSError)


def broken_off(error: Exception) -> Verdict:
    """The verdict when the engine failed, or the disk, and not the rewrite."""
    if isinstance(error, EngineOutage):
        return Verdict(VerdictKind.INCONCLUSIVE, _first_line(error))
    ours = isinstance(error, OSError) and not isinstance(error, TimeoutError)
    what = "the experiment could not be set up" if ours else "the engine failed in the middle"
    return Verdict(VerdictKind.INCONCLUSIVE, f"{what}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
