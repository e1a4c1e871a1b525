"""Put every command before every fault and print how it ends: `python fuzz/faults.py [--commands review,build] [--faults hung-engine]`.

A cell is the exit code: 0 done, 1 findings, 2 could not run. WRONG is a bug of trimtab (3), a traceback, a process that had to be
killed, a file that was changed or left by a command that could not run, or success where the fault makes success impossible.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzz.signals import fleet, texts

COMMANDS: Mapping[str, str] = {
    "review": "review --offline", "score": "score", "fix": "fix", "plan": "plan", "init": "init", "ci": "ci", "scripts": "scripts",
    "bake": "bake", "startup": "startup --apply", "networks": "networks --apply", "resources": "resources --apply",
    "bases": "bases --offline", "alerts": "alerts", "gate": "gate", "scan": "scan --offline --no-images --type secrets",
    "report": "report", "history": "history builds", "metrics": "metrics", "export": "export k8s --output-dir out",
    "optimize": "optimize --quick", "build": "build", "deploy": "deploy", "rollback": "rollback", "status": "status",
    "observe": "observe --once", "workflow": "workflow rapid --auto --offline --prompt Use.non-root.users.",
}  # fmt: skip
ENGINE = {"optimize", "build", "deploy", "rollback", "status", "observe", "workflow", "export"}
"""Commands that are nothing without an engine, or its client."""
LIMIT = 300


@dataclass
class Scene:
    """What a command is started in."""

    folder: Path
    environment: dict[str, str]
    stdout: int = subprocess.PIPE
    fails: frozenset[str] = frozenset()
    """Commands that cannot succeed here."""
    kept: bool = True
    """Whether the files can be looked at afterwards."""
    undo: ExitStack = field(default_factory=ExitStack)


Fault = Callable[[Scene], None]


def no_engine(scene: Scene) -> None:
    """Nobody listens where the engine should be."""
    scene.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    scene.fails = frozenset(ENGINE - {"export"})


@contextmanager
def _listening(answer: bytes | None) -> Generator[str]:
    """A socket that takes every connection, and says this or nothing."""
    with tempfile.TemporaryDirectory(prefix="trimtab-faults-") as folder, socket.socket(socket.AF_UNIX) as server:
        path = f"{folder}/engine.sock"
        server.bind(path)
        server.listen(64)
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(1)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=take, daemon=True).start()
        yield f"unix://{path}"
        for each in held:
            each.close()


def hung_engine(scene: Scene) -> None:
    """The engine takes connections and says nothing."""
    scene.environment["DOCKER_HOST"] = scene.undo.enter_context(_listening(None))
    scene.fails = frozenset(ENGINE - {"export"})


def mad_engine(scene: Scene) -> None:
    """The engine answers, but not as an engine does."""
    scene.environment["DOCKER_HOST"] = scene.undo.enter_context(_listening(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{{{{"))
    scene.fails = frozenset(ENGINE - {"export"})


def _path_of(scene: Scene, *programs: str) -> None:
    own = scene.folder.parent / "programs"
    own.mkdir()
    for name in programs:
        found = shutil.which(name)
        if found:
            (own / name).symlink_to(found)
    scene.environment["PATH"] = str(own)


def no_client(scene: Scene) -> None:
    """There is no docker program."""
    _path_of(scene, "git", "sh")
    scene.fails = frozenset(ENGINE)


def no_git(scene: Scene) -> None:
    """There is no git, and no docker either."""
    _path_of(scene, "sh")
    scene.fails = frozenset(ENGINE)


def bad_settings(scene: Scene) -> None:
    """The configuration is no TOML."""
    (scene.folder / "trimtab.toml").write_text("select = [")
    scene.fails = frozenset(COMMANDS) - {"history", "metrics"}


def broken_compose(scene: Scene) -> None:
    """The compose file is no YAML."""
    (scene.folder / "compose.yaml").write_text("services: {a: [")
    scene.fails = frozenset({"deploy", "status", "observe", "export", "startup", "networks", "resources"})


def damaged_history(scene: Scene) -> None:
    """The history is no database."""
    (scene.folder / ".trimtab").mkdir()
    (scene.folder / ".trimtab" / "history.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    scene.fails = frozenset({"history", "metrics", "build", "optimize", "deploy"})


def full_disk(scene: Scene) -> None:
    """The fleet's disk has no room left."""
    small = scene.folder.parent / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
    scene.undo.callback(lambda: subprocess.run(["umount", "-l", small], check=True))
    shutil.copytree(scene.folder, small / "fleet")
    scene.folder = small / "fleet"
    with (small / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    scene.fails = frozenset({"fix", "ci", "scripts", "startup", "resources", "alerts", "init"})


def read_only(scene: Scene) -> None:
    """The fleet's folder cannot be written, by root neither."""
    subprocess.run(["mount", "--bind", scene.folder, scene.folder], check=True)
    scene.undo.callback(lambda: subprocess.run(["umount", "-l", scene.folder], check=True))
    subprocess.run(["mount", "-o", "remount,ro,bind", scene.folder], check=True)
    scene.fails = frozenset({"fix", "ci", "scripts", "startup", "resources", "alerts", "init", "report"})


def full_output(scene: Scene) -> None:
    """Standard output takes nothing more."""
    scene.stdout = os.open("/dev/full", os.O_WRONLY)
    scene.undo.callback(lambda: os.close(scene.stdout))


def no_home(scene: Scene) -> None:
    """There is no home folder, and no cache can be kept."""
    scene.environment |= {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere/cache"}


FAULTS: Mapping[str, Fault] = {
    each.__name__.replace("_", "-"): each
    for each in (no_engine, hung_engine, mad_engine, no_client, no_git, bad_settings, broken_compose, damaged_history, full_disk,
                 read_only, full_output, no_home)
}  # fmt: skip
MOUNTS = {"full-disk", "read-only"}


def main() -> int:
    """Run every pair and print the table; 1 when one ended wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    parser.add_argument("--faults", default=",".join(FAULTS))
    arguments = parser.parse_args()
    commands, faults = arguments.commands.split(","), arguments.faults.split(",")
    wrong: list[str] = []
    print(f"{'':<10}" + "".join(f"{fault:<16}" for fault in faults), flush=True)
    for command in commands:
        cells: list[str] = []
        for fault in faults:
            if fault in MOUNTS and os.geteuid() != 0:
                cells.append("not root")
                continue
            code, found = tried(command, fault)
            cells.append(f"{code}{' WRONG' if found else ''}")
            wrong += [f"{command}, {fault}: {each}" for each in found]
        print(f"{command:<10}" + "".join(f"{cell:<16}" for cell in cells), flush=True)
    for line in wrong:
        print(f"WRONG {line}")
    print(f"{len(commands) * len(faults)} pairs, {len(wrong)} wrong")
    return 1 if wrong else 0


def tried(command: str, fault: str) -> tuple[str, list[str]]:
    """How a command ends under a fault, and what is wrong with that."""
    with tempfile.TemporaryDirectory(prefix="trimtab-faults-") as folder:
        scene = Scene(fleet(Path(folder) / "fleet"), dict(os.environ))
        _commit(scene.folder)
        with scene.undo:
            FAULTS[fault](scene)
            before = texts(scene.folder)
            words = [word.replace(".", " ") if "non-root" in word else word for word in COMMANDS[command].split()]
            argv = [sys.executable, "-m", "trimtab", *words]
            try:
                done = subprocess.run(argv, cwd=scene.folder, env=scene.environment, stdout=scene.stdout, stderr=subprocess.PIPE,
                                      check=False, timeout=LIMIT)  # fmt: skip
            except subprocess.TimeoutExpired:
                return "killed", [f"it had not ended after {LIMIT} s"]
            return str(done.returncode), _judged(command, fault, scene, done, before)


def _judged(
    command: str, fault: str, scene: Scene, done: subprocess.CompletedProcess[bytes], before: Mapping[str, bytes]
) -> list[str]:
    said = done.stderr.decode("utf-8", "replace")
    found: list[str] = []
    if done.returncode not in {0, 1, 2} or "Traceback" in said or "bug of trimtab" in said:
        found.append(f"ended with {done.returncode}: {said.strip()[-300:]}")
    if command in scene.fails and done.returncode == 0:
        found.append("success, where there can be none")
    if done.returncode == 2 and not said.strip() and not done.stdout:
        found.append("it could not run and does not say why")
    after = texts(scene.folder)
    if done.returncode == 2 and after != before and fault not in {"full-output"}:
        changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
        found.append(f"it could not run, and changed {', '.join(changed[:5])}")
    return found


def _commit(folder: Path) -> None:
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)


if __name__ == "__main__":
    sys.exit(main())
