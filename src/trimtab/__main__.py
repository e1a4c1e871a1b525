"""`python -m trimtab`, and the console script: what can be answered without loading the program is answered here."""

import gc
import os
import sys


def main() -> None:
    """Run the command line, and end with its exit code."""
    words = sys.argv[1:]
    if words == ["--version"]:
        from trimtab import __version__

        sys.exit(_say(f"{__version__}\n", 0))
    if words[:1] == ["review"] and "--no-cache" not in words and sys.stdout is not None:
        code = _said_before(words)
        if code is not None:
            sys.exit(code)
    # Loading a program leaves no garbage behind, and looking for some took 60 ms of 450. A review makes none either.
    gc.disable()
    try:
        from trimtab.cli.app import main as run

        if words[:1] != ["review"]:
            gc.enable()
        run()
    finally:
        gc.enable()


def _said_before(words: list[str]) -> int | None:
    """Say again what the same review said before; its exit code, None where it has to be done."""
    from trimtab.replay import replay

    found = replay(words)
    if found is None:
        return None
    return _say(*found)


def _say(text: str, code: int) -> int:
    """Put a text on standard output, where there is one. The exit code: the given one, 0 where the reader has gone, 2 where it
    cannot be written.
    """
    if sys.stdout is None:
        return code
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # Keep Python from trying to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # As `| head` does.
            return 0
        if sys.stderr is not None:
            sys.stderr.write(f"error: Standard output cannot be written: {error.strerror or error}.\n")
        return 2
    return code


if __name__ == "__main__":
    main()
