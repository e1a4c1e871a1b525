"""What an earlier review of the same things said, for as long as everything that it went by is the same.

A review's findings belong to the whole fleet: a line in one compose file decides about another's Dockerfile. So nothing is
remembered of single files. One record holds what one command line printed, and everything that went into it: each folder that
was listed, each text that was read, settings, environment, git's answers, the package index's, the day, and the program itself.
It is used when all of that is the same, and then the output is the same by construction. What cannot be told to be the same is
reviewed from scratch; a record that is missing, broken or cannot be written costs time and nothing else.

Records are in the user's own cache. In the repository anybody who can commit to it could say what its review finds.

Nothing heavy is imported here, because that would take longer than the rest.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from trimtab.git_questions import commit_question, ignore_question, untracked_question
from trimtab.listing import Row, kind_of, list_folder, settled, stamp_of

if TYPE_CHECKING:
    import subprocess

_FORMAT = 2
_MOST_RECORDS = 50
_MOST_BYTES = 100_000_000
_GIT_SECONDS = 10

Data = dict[str, object]


def record_of(argv: Sequence[str]) -> Path:
    """Where the record of a command line is, made here and now by this program; it need not be there."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    said: list[object] = [_FORMAT, list(argv), str(Path.cwd()), sorted(os.environ.items()), today]
    said += [sys.version, sys.prefix, getattr(os, "getuid", int)(), _screen(), program()]
    name = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return _folder() / f"{name}.json"


def _folder() -> Path:
    # The same place as platformdirs', which takes longer to load than a record.
    if sys.platform in {"win32", "darwin"}:
        import platformdirs

        return Path(platformdirs.user_cache_dir("trimtab")) / "reviews"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return Path(given if given.strip() else Path("~/.cache").expanduser()) / "trimtab" / "reviews"


def _screen() -> tuple[object, ...]:
    """What a text's form depends on besides the environment."""
    size = os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else (0, 0)
    return (sys.stdout.isatty(), tuple(size), sys.stdout.encoding)


def program() -> str:
    """This program's own files and the packages beside it: a checkout that is edited is another program at once."""
    package = Path(__file__).parent
    digest, pending = hashlib.sha256(), [str(package)]
    while pending:
        folder = pending.pop()
        rows = sorted(row for row in list_folder(folder) if row[0] != "__pycache__")
        digest.update(repr([row for row in rows if row[1] != "dir"]).encode())
        pending += [f"{folder}/{row[0]}" for row in rows if row[1] == "dir"]
    for place in (path for path in sys.path if path.endswith("-packages")):
        digest.update(repr(sorted(row[0] for row in list_folder(place) if row[0].endswith("-info"))).encode())
    return digest.hexdigest()


_asked: list[Path] = []


def asked_for() -> Path | None:
    """The record that the running command line may write; None where it was not looked for, as when a test calls a command."""
    return _asked[0] if _asked else None


def replay(argv: Sequence[str]) -> tuple[str, int] | None:
    """What the command line printed last time and its exit code; None where anything may be different now."""
    _asked.clear()
    try:
        record = record_of(argv)
        _asked.append(record)
        return _replayed(record)
    except Exception:  # noqa: BLE001  whatever is wrong with a record, the review is done from scratch
        return None


def _replayed(path: Path) -> tuple[str, int] | None:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_uid != getattr(os, "getuid", int)():
            return None
        head = cast("Data", json.loads(file.readline()))
        detail = file.readline()
        output = file.read()
    at = time.time_ns()
    root, folders = cast("str", head["root"]), cast("list[str]", head["folders"])
    if hashlib.sha256(output).hexdigest() != head["output"] or not _surroundings_hold(head, at):
        return None
    with asking_git(root, cast("list[str]", head["ignore_files"])) as git:
        now = {folder: sorted_rows(list_folder(f"{root}/{folder}")) for folder in folders}
        same = digest_of(now) == head["digest"]
    if git.answers != head["answers"] or not (same or _contents_hold(root, cast("Data", json.loads(detail)), now)):
        return None
    text = output.decode("utf-8", "surrogatepass")
    if not same:
        write(path, head, cast("Data", json.loads(detail)), now, text, at)
    return text, cast("int", head["code"])


def _surroundings_hold(head: Data, at: int) -> bool:
    """Whether everything is the same that is no file below the root."""
    expires = cast("int | None", head["expires"])
    return (
        (expires is None or at < expires)
        and all(os.path.realpath(path) == real for path, real in cast("list[tuple[str, str]]", head["places"]))
        and all(content_hash(path) == known for path, known in cast("list[tuple[str, str | None]]", head["settings"]))
        and all(followed(path) == known for path, known in cast("list[tuple[str, list[object]]]", head["followed"]))
    )


def sorted_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows in order; a folder's without what changes whenever anything is put into it, which is seen in the folder."""
    return sorted((*row[:3], 0, 0) if row[1] == "dir" else row for row in rows)


def digest_of(listed: Mapping[str, Sequence[Row]]) -> str:
    """One name for all rows of all folders."""
    digest = hashlib.sha256()
    for folder, rows in listed.items():
        digest.update(repr((folder, [tuple(row) for row in rows])).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _contents_hold(root: str, detail: Data, now: Mapping[str, Sequence[Row]]) -> bool:
    """Whether what was touched or written since then still says the same wherever the review has read it."""
    texts = cast("dict[str, str]", detail["texts"])
    unread = frozenset(cast("list[str]", detail["unread"]))
    for folder, known in cast("dict[str, list[list[object]]]", detail["rows"]).items():
        rows = now[folder]
        if len(rows) != len(known):
            return False
        for (name, kind, mode, size, stamp), before in zip(rows, known, strict=True):
            if [name, kind, mode, size, stamp] == before:
                continue
            path = f"{folder}/{name}" if folder else name
            if kind != "file" or [name, kind, mode, size] != before[:4] or path in unread:
                return False
            if path in texts and content_hash(f"{root}/{path}") != texts[path]:
                return False
    return True


def content_hash(path: str) -> str | None:
    """A name for a file's bytes, None where there is no such regular file."""
    try:
        if not Path(path).is_file():
            return None
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def followed(path: str) -> list[object]:
    """Where a path leads, and what tells the file there from another one."""
    try:
        info = Path(path).stat()
    except OSError:
        return [os.path.realpath(path), None]
    return [os.path.realpath(path), kind_of(info), info.st_size, stamp_of(info)]


class Asked:
    """Git's answers: for each question its exit code and words; no words where there is no git, or none in time."""

    answers: Sequence[Sequence[object]] = ()


@contextmanager
def asking_git(root: str, ignore_files: Sequence[str]) -> Generator[Asked]:
    """Ask git about the history and what it ignores while something else is done; the answers are there when that is.

    The first is the history's, the second says what is ignored, and the third which of some files are.
    """
    # Imported here: it takes a tenth of the time that a record takes, and a record that does not hold needs none of it.
    import subprocess

    questions = [commit_question(root), untracked_question(root)]
    questions += [ignore_question(root, ignore_files)] if ignore_files else []
    running: list[subprocess.Popen[bytes]] = []
    asked = Asked()
    for argv in questions:
        # None on PATH, or one that may not be run.
        with suppress(OSError):
            nobody = subprocess.DEVNULL
            running.append(subprocess.Popen(argv, stdin=nobody, stdout=subprocess.PIPE, stderr=nobody))
    try:
        yield asked
    finally:
        asked.answers = [_answer(process) for process in running]


def _answer(process: "subprocess.Popen[bytes]") -> list[object]:
    import subprocess

    try:
        said = process.communicate(timeout=_GIT_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return [None, str(time.time_ns())]
    return [process.returncode, said.decode("utf-8", "surrogateescape")]


def write(path: Path, head: Data, detail: Data, listed: Mapping[str, Sequence[Row]], text: str, at: int) -> None:
    """Keep a record that held at a time, in nanoseconds; whatever prevents it is no error.

    A file that was written just before has a stamp that a later write may give it again: it is kept without, and compared by
    its content next time.
    """
    rows = {folder: [(*row[:4], row[4] if settled(row[4], at) else -1) for row in each] for folder, each in listed.items()}
    output = text.encode("utf-8", "surrogatepass")
    head = {**head, "folders": list(rows), "digest": digest_of(rows), "output": hashlib.sha256(output).hexdigest()}
    parts = [json.dumps(head), json.dumps({**detail, "rows": rows})]
    data = b"".join(part.encode() + b"\n" for part in parts) + output
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget(path.parent, len(data))
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _forget(folder: Path, coming: int) -> None:
    """Take away the oldest records until there is room for one of some bytes."""
    known = sorted(list_folder(str(folder)), key=lambda row: row[4], reverse=True)
    room = _MOST_BYTES - coming
    for number, (name, _, _, size, _) in enumerate(known, start=2):
        room -= size
        if room < 0 or number > _MOST_RECORDS:
            (folder / name).unlink(missing_ok=True)
