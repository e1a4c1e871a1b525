"""Interrupt every command at a random moment and look at what is left: `python fuzz/signals.py --rounds 200 --seed 1`.

Each round copies a small fleet, starts one command on it, sends one signal after a random part of the time that the command
takes undisturbed, and then checks: every file is as it was or as the whole command leaves it, nothing else is beside them after
the next run (but, after SIGKILL, the hidden file that was being written), the ledger passes SQLite's `integrity_check`, and the
exit code is one that the command line promises.
Only commands that need no engine; those that do are killed at every step by the engine's own tests.
"""

import argparse
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "review": ("review", "--format", "json"), "score": ("score",), "fix": ("fix", "--unsafe"), "plan": ("plan",), "ci": ("ci",),
    "scripts": ("scripts",), "startup": ("startup", "--apply"), "resources": ("resources", "--apply"), "bake": ("bake", "-o", "bake.json"),
    "networks": ("networks", "--apply"), "alerts": ("alerts",), "gate": ("gate",), "history": ("history", "builds"), "metrics": ("metrics",),
}  # fmt: skip
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_ALLOWED = {signal.SIGINT: {130, 2, -2}, signal.SIGTERM: {130, 143, -15}, signal.SIGKILL: {-9}}
"""Beside 0, 1 and how it usually ends, for a command that was done first. 2 and -2 are Python's own answers to an interrupt while it is still starting."""


@dataclass
class Table:
    """Outcomes by command and signal."""

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict[tuple[str, str], Counter[str]])
    wrong: list[str] = field(default_factory=list[str])

    def add(self, command: str, sign: signal.Signals, outcome: str, wrong: list[str]) -> None:
        self.counts.setdefault((command, sign.name), Counter())[outcome] += 1
        self.wrong += [f"{command} {sign.name}: {each}" for each in wrong]

    def text(self) -> str:
        """Faults by commands, each with how many of its rounds ended how."""
        lines = [f"{'command':<11}" + "".join(f"{sign.name:<36}" for sign in SIGNALS)]
        for command in dict.fromkeys(name for name, _ in self.counts):
            cells = [self.counts.get((command, sign.name), Counter[str]()) for sign in SIGNALS]
            said = (", ".join(f"{number} {what}" for what, number in sorted(cell.items())) for cell in cells)
            lines.append(f"{command:<11}" + "".join(f"{each:<36}" for each in said))
        return "\n".join(lines)


def main() -> int:
    """Run the rounds and print the table; 1 when something was left that must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # A shell without job control has what it puts in the background ignore Ctrl-C, and all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="trimtab-signals-") as folder:
        table = rounds(Path(folder), arguments.rounds, random.Random(arguments.seed))
    print(table.text())
    for line in table.wrong:
        print(f"WRONG {line}")
    print(f"{arguments.rounds} rounds, seed {arguments.seed}: {len(table.wrong)} wrong")
    return 1 if table.wrong else 0


def rounds(folder: Path, number: int, chance: random.Random) -> Table:
    """Rounds over all commands and signals in turn, with random moments."""
    table = Table()
    original = fleet(folder / "original")
    done: dict[str, tuple[float, int, dict[str, bytes]]] = {}
    pairs = [(name, sign) for name in COMMANDS for sign in SIGNALS]
    for at in range(number):
        name, sign = pairs[at % len(pairs)] if number >= len(pairs) else chance.choice(pairs)
        if name not in done:
            done[name] = _undisturbed(original, folder / f"done-{name}" / "fleet", COMMANDS[name])
        seconds, usual, whole = done[name]
        # The same name everywhere: projects are named after their folder.
        target = folder / f"round-{at}" / "fleet"
        shutil.copytree(original, target)
        code = _disturbed(target, COMMANDS[name], sign, chance.uniform(0.05, 1.05) * seconds)
        allowed = {0, 1, usual} | _ALLOWED[sign]
        wrong = [] if code in allowed else [f"ended with {code}"]
        reached, more = _judged(code, sign, target, (texts(original), whole), COMMANDS[name])
        table.add(name, sign, reached, wrong + more)
        shutil.rmtree(target)
    return table


def _judged(
    code: int,
    sign: signal.Signals,
    target: Path,
    states: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    words: tuple[str, ...],
) -> tuple[str, list[str]]:
    before, whole = states
    wrong: list[str] = []
    left = texts(target)
    for path, text in left.items():
        if path in before.keys() | whole.keys() and text not in {before.get(path), whole.get(path)}:
            wrong.append(f"`{path}` is neither as it was nor as it should become")
    wrong += [f"`{path}` is gone" for path in before if path not in left and path in whole]
    _run(target, words)
    again = texts(target)
    if {path: again.get(path) for path in whole} != dict(whole):
        wrong.append("the next run does not finish what was begun")
    wrong += [f"`{path}` was left" for path in again if path not in whole and not _is_excused(path, sign)]
    wrong += _integrity(target)
    reached = "whole" if left == whole else "unchanged" if left == before else "in part"
    return f"{reached} ({code})", wrong


def _is_excused(path: str, sign: signal.Signals) -> bool:
    """Whether a file beside the others is the half-written one of a process that could not take it away any more."""
    return sign is signal.SIGKILL and path.rpartition("/")[2].startswith(".")


def _integrity(target: Path) -> list[str]:
    found: list[str] = []
    for database in target.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
        connection.close()
        found += [] if answer == "ok" else [f"{database.name}: {answer}"]
    return found


def texts(folder: Path) -> dict[str, bytes]:
    """Every file outside our own folder and git's; what a command makes anew each time is not compared."""
    files = (path for path in folder.rglob("*") if path.is_file() and not {".trimtab", ".git"} & set(path.parts))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _undisturbed(original: Path, target: Path, words: tuple[str, ...]) -> tuple[float, int, dict[str, bytes]]:
    shutil.copytree(original, target)
    started = time.monotonic()
    code = _run(target, words)
    return time.monotonic() - started, code, texts(target)


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "trimtab", *words]


def _run(target: Path, words: tuple[str, ...]) -> int:
    return subprocess.run(_command(words), cwd=target, capture_output=True, check=False, timeout=300).returncode


def _disturbed(target: Path, words: tuple[str, ...], sign: signal.Signals, after: float) -> int:
    process = subprocess.Popen(_command(words), cwd=target, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(sign)
    return process.wait(120)


def fleet(folder: Path) -> Path:
    """Eight services with something to fix in each file."""
    folder.mkdir(parents=True)
    dockerfile = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\nCMD ["python", "main.py"]\n'
    compose = [
        "services:\n  db:\n    image: postgres:16\n    healthcheck: {test: [CMD, pg_isready], interval: 30s, start_period: 30s}\n"
    ]
    for number in range(8):
        own = folder / f"s{number}"
        own.mkdir()
        (own / "Dockerfile").write_text(dockerfile)
        (own / "requirements.txt").write_text("flask\n")
        (own / "main.py").write_text("import flask\n")
        compose.append(
            f"  s{number}:\n    build: ./s{number}\n    environment: {{DB: 'postgres://u@db/x'}}\n"
            "    depends_on: {db: {condition: service_healthy}}\n"
        )
    (folder / "compose.yaml").write_text("".join(compose))
    return folder


if __name__ == "__main__":
    sys.exit(main())
