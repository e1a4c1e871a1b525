"""What a process stands on before it does anything: three open streams, and a folder that is there."""

import os
import sys

from trimtab.errors import UsageError


def stand() -> None:
    """Open what whoever started us has closed: else the first file that is opened would be our standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is the one that is given.
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))


def check_folder() -> None:
    """Find out that there is a current folder, which nearly everything counts from.

    Raises:
        UsageError: somebody has removed it.
    """
    try:
        os.getcwd()  # noqa: PTH109  `Path.cwd` is the same call
    except OSError as error:
        raise UsageError("The current folder does not exist any more. Go to one that does.") from error
