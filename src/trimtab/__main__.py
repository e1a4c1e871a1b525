"""`python -m trimtab`, and the console script: what can be answered without loading the program is answered here."""

import os
import sys


def main() -> None:
    """Run the command line, and end with its exit code."""
    words = sys.argv[1:]
    if words == ["--version"]:
        from trimtab import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    if words[:1] == ["review"] and "--no-cache" not in words and sys.stdout is not None:
        code = _said_before(words)
        if code is not None:
            sys.exit(code)
    from trimtab.cli.app import main as run

    run()


def _said_before(words: list[str]) -> int | None:
    """Say again what the same review said before; its exit code, None where it has to be done."""
    from trimtab.replay import replay

    found = replay(words)
    if found is None:
        return None
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdout.write(found[0])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, as `| head` does; keep Python from trying to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return found[1]


if __name__ == "__main__":
    main()
