"""A review that is remembered says what a review from scratch would say, whatever has happened in between."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab import replay
from trimtab.__main__ import main
from trimtab.gather.wheels import CachedIndex, remembered_until

FILES = {
    "compose.yaml": "services:\n  a: {build: a, environment: {LEVEL: '${LEVEL:-info}'}}\n  b: {image: 'b:1', depends_on: [a]}\n",
    "a/Dockerfile": "FROM python:3.12-slim\nCOPY . /app\nRUN pip install -r /app/requirements.txt\nCMD python /app/main.py\n",
    "a/requirements.txt": "flask\nboto3\n",
    "a/main.py": "import flask\n",
    "a/.dockerignore": "*.log\n",
    "run": "#!/bin/sh\ndocker-compose up -d\n",
    "README.md": "docker compose up\n",
}
WORDS = ("review", "--offline", "--format", "json")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are known by their stamps at once, as they are once two seconds have gone by."""
    monkeypatch.setattr("trimtab.listing._SETTLES", 0)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fleet"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "run").chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def say(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command line as the console script does; its exit code and output."""
    assert root.is_dir()
    # A review ends its process at once.
    monkeypatch.setattr(os, "_exit", sys.exit)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["trimtab", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().out

    return run


Say = Callable[..., tuple[int, str]]


def known(*words: str) -> bool:
    return replay.replay(words or WORDS) is not None


def test_the_same_review_says_the_same_again(say: Say) -> None:
    assert not known()
    first = say(*WORDS)
    assert first[0] == 1
    assert json.loads(first[1])["findings"]
    assert known()
    assert say(*WORDS) == first == say(*WORDS, "--no-cache")


def test_each_command_line_is_remembered_by_itself(say: Say) -> None:
    say(*WORDS)
    assert not known("review", "--offline")
    assert not known(*WORDS, "--ignore", "DF")
    text = say("review", "--offline")
    assert known("review", "--offline")
    assert say("review", "--offline") == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a/Dockerfile", FILES["a/Dockerfile"].replace("slim", "slip")),
        ("a/requirements.txt", "flask\nboto4\n"),
        ("a/main.py", "import boto3\n"),
        ("a/.dockerignore", "*.py\n\n\n"),
        ("compose.yaml", FILES["compose.yaml"].replace("b:1", "c:1")),
        ("README.md", "docker stack deploy up\n"),
        ("a/new.py", "import boto3\n"),
        ("c/Dockerfile", "FROM scratch\n"),
        ("trimtab.toml", "ignore = ['DF']\n"),
        ("pyproject.toml", "[tool.trimtab]\nignore = ['DF']\n"),
        (".env", "LEVEL=debug\n"),
    ],
)
def test_another_text_or_another_file_is_reviewed_anew(root: Path, say: Say, path: str, text: str) -> None:
    say(*WORDS)
    before = (root / path).stat() if (root / path).exists() else None
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(text)
    if before:
        os.utime(root / path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not known()
    assert say(*WORDS) == say(*WORDS, "--no-cache")


@pytest.mark.parametrize("nanoseconds", [0, 2_000_000_000])
def test_a_file_of_the_same_length_and_times_is_another(
    root: Path, say: Say, monkeypatch: pytest.MonkeyPatch, nanoseconds: int
) -> None:
    monkeypatch.setattr("trimtab.listing._SETTLES", nanoseconds)
    say(*WORDS)
    assert known()
    times = (root / "a/main.py").stat()
    (root / "a/main.py").write_text("import fl4sk\n")
    os.utime(root / "a/main.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not known()


@pytest.mark.parametrize("path", ["a/Dockerfile", "a/main.py", "a/.dockerignore", "compose.yaml", "README.md", "run"])
def test_a_file_that_is_gone_is_noticed(root: Path, say: Say, path: str) -> None:
    say(*WORDS)
    (root / path).unlink()
    assert not known()
    assert say(*WORDS) == say(*WORDS, "--no-cache")


@pytest.mark.usefixtures("settled")
def test_a_touched_file_changes_nothing(root: Path, say: Say) -> None:
    first = say(*WORDS)
    for path in FILES:
        os.utime(root / path)
    assert known()
    shutil.copy(root / "a/main.py", root / "other")
    (root / "other").replace(root / "a/main.py")
    assert known()
    assert say(*WORDS) == first


@pytest.mark.usefixtures("settled")
def test_modes_and_links_and_sizes_are_noticed(root: Path, say: Say) -> None:
    (root / "a/link").symlink_to("main.py")
    (root / "a/data").write_text("x")
    say(*WORDS)
    assert known()
    (root / "run").chmod(0o644)
    assert not known()
    say(*WORDS)
    (root / "a/link").unlink()
    (root / "a/link").symlink_to("/main.py")
    assert not known()
    say(*WORDS)
    (root / "a/data").write_text("xy")
    assert not known()
    say(*WORDS)
    assert known()


@pytest.mark.usefixtures("settled")
def test_a_text_that_is_read_through_a_link_is_watched_where_it_stands(root: Path, say: Say) -> None:
    (root / "real").mkdir()
    (root / "real/Dockerfile").write_text("FROM scratch\n")
    (root / "a/Dockerfile").unlink()
    (root / "a/Dockerfile").symlink_to("../real/Dockerfile")
    say(*WORDS)
    assert known()
    (root / "real/Dockerfile").write_text("FROM scratcH\n")
    assert not known()
    assert say(*WORDS) == say(*WORDS, "--no-cache")


def test_the_environment_and_the_day_are_part_of_it(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say(*WORDS)
    monkeypatch.setenv("LEVEL", "debug")
    assert not known()
    monkeypatch.delenv("LEVEL")
    assert known()
    tomorrow = time.gmtime(time.time() + 86_400)
    monkeypatch.setattr("trimtab.replay.time.gmtime", lambda: tomorrow)
    assert not known()


def test_a_named_configuration_and_a_baseline_are_part_of_it(root: Path, say: Say, tmp_path: Path) -> None:
    settings = tmp_path / "other.toml"
    settings.write_text("severity = {DF305 = 'low'}\n")
    named = (*WORDS, "--config", str(settings))
    say(*named)
    assert known(*named)
    settings.write_text("severity = {DF305 = 'info'}\n")
    assert not known(*named)
    say("review", "--offline", "--write-baseline")
    accepted = say(*WORDS, "--baseline")
    assert accepted[0] == 0
    assert known(*WORDS, "--baseline")
    shutil.copy(root / "trimtab-baseline.json", tmp_path / "kept")
    (root / "trimtab-baseline.json").write_text('{"schema": "trimtab.baseline/1", "findings": []}\n')
    assert not known(*WORDS, "--baseline")


def test_a_commit_is_noticed(root: Path, say: Say) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)

    git("init", "-q")
    say(*WORDS)
    assert known()
    git("add", ".")
    git("commit", "-qm", "a")
    assert not known()
    say(*WORDS)
    assert known()
    (root / ".git/info/exclude").write_text("compose.yaml\n.dockerignore\n")
    git("rm", "--cached", "-q", "a/.dockerignore")
    assert not known()
    assert say(*WORDS) == say(*WORDS, "--no-cache")


def test_a_folder_that_git_comes_to_ignore_is_noticed(root: Path, say: Say) -> None:
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    (root / "out/x").mkdir(parents=True)
    (root / "out/x/Dockerfile").write_text("FROM ubuntu\n")
    first = say(*WORDS)
    assert "out/x/Dockerfile" in first[1]
    (root / ".git/info/exclude").write_text("out/\n")
    assert not known()
    second = say(*WORDS)
    assert "out/x/Dockerfile" not in second[1]
    assert known()
    (root / "out/x/Dockerfile").write_text("FROM debian\n")
    assert say(*WORDS) == second == say(*WORDS, "--no-cache")
    # Nobody need list what nobody reads.
    assert known()


def test_what_is_printed_only_once_is_not_remembered(root: Path, say: Say) -> None:
    for words in ((*WORDS, "--no-cache"), (*WORDS, "--verbose"), (*WORDS, "-o", "out.json"), (*WORDS, "--pin")):
        say(*words)
        assert not known(*words)
    (root / "out.json").unlink()
    (root / "a/Dockerfile").write_bytes(b"\0")
    assert say(*WORDS)[0] == 2
    assert not known()


def damages(record: bytes) -> list[bytes]:
    head, detail, output = record.split(b"\n", 2)
    broken = json.loads(head)
    return [
        b"", b"{", b"[]\n[]\n", b"null\n", b"\xff\xfe\n", record[: len(record) // 2], output, head, record[:-1] + b"!", record + b"x",
        b"\n".join([json.dumps({**broken, "folders": 3}).encode(), detail, output]),
        b"\n".join([json.dumps({**broken, "folders": ["../.."]}).encode(), detail, output]),
        b"\n".join([json.dumps({**broken, "digest": "", "expires": None}).encode(), b"{}", output]),
        b"\n".join([json.dumps({**broken, "answers": [[0, "x"]]}).encode(), detail, output]),
    ]  # fmt: skip


def test_a_damaged_record_is_none(say: Say) -> None:
    first = say(*WORDS)
    record = replay.record_of(WORDS)
    whole = record.read_bytes()
    for damaged in damages(whole):
        record.write_bytes(damaged)
        assert not known(), damaged[:80]
        record.write_bytes(damaged)
        assert say(*WORDS) == first
        assert known()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, say: Say) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    first = say(*WORDS)
    assert first == say(*WORDS, "--no-cache")
    assert not known()
    (tmp_path / "cache").unlink()
    replay.record_of(WORDS).mkdir(parents=True)
    assert say(*WORDS) == first
    assert not known()


def test_several_processes_at_once(say: Say) -> None:
    running = [
        subprocess.Popen([sys.executable, "-m", "trimtab", *WORDS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    said = [process.communicate() for process in running]
    assert {process.returncode for process in running} == {1}
    assert {error for _, error in said} == {b""}
    assert {output.decode() for output, _ in said} == {say(*WORDS)[1]}
    assert not list(replay.record_of(WORDS).parent.glob("*.part"))
    assert known()


def test_only_so_many_records_are_kept(root: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    say(*WORDS)
    record = replay.record_of(WORDS)
    for number in range(80):
        replay.write(record.with_name(f"{number}.json"), {}, {}, {}, "", time.time_ns())
    assert len(list(record.parent.iterdir())) == 50
    assert record.with_name("79.json").exists()
    assert not record.exists()
    monkeypatch.setattr(replay, "_MOST_BYTES", 5_000)
    replay.write(record, {}, {}, {}, "x" * 4_000, time.time_ns())
    assert sum(path.stat().st_size for path in record.parent.iterdir()) <= 5_000
    assert record.exists()
    assert root.is_dir()


def test_another_program_remembers_nothing(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(*WORDS)
    copy = shutil.copytree(Path(replay.__file__).parent, tmp_path / "trimtab")
    monkeypatch.setattr(replay, "__file__", str(copy / "replay.py"))
    (copy / "rules/base.py").write_text("# edited\n")
    assert not known()


def test_a_remembered_answer_of_the_index_is_watched(root: Path, say: Say) -> None:
    (root / "a/Dockerfile").write_text("FROM python:3.12-alpine\nRUN pip install six\n")
    say(*WORDS)
    assert known()
    place = CachedIndex(offline=True).place("six")
    place.parent.mkdir(parents=True)
    place.write_text('["six-1-py3-none-any.whl"]')
    assert not known()


def test_how_long_an_answer_of_the_index_holds(root: Path) -> None:
    place = CachedIndex(offline=True).place("six")
    place.parent.mkdir(parents=True)
    place.write_text("[]")
    now, day = time.time_ns(), 86_400 * 1_000_000_000
    os.utime(place, ns=(now - day // 2, now - day // 2))
    asked = [("six>=1", "3.12"), ("six", "3.11")]
    found = remembered_until(asked, offline=False, since=now)
    assert found is not None
    assert list(found[0]) == [str(place)]
    assert found[1] == now - day // 2 + day
    assert remembered_until(asked, offline=True, since=now) == (found[0], None)
    unanswered = remembered_until([*asked, ("nobody", "3.12")], offline=False, since=now)
    assert unanswered is not None
    assert unanswered[1] == now + 600 * 1_000_000_000
    assert remembered_until(asked, offline=False, since=now - day) is None
    assert root.is_dir()


def mutate(root: Path, chance: random.Random) -> str:
    paths = sorted(path for path in root.rglob("*") if path.name != ".git" and not path.is_dir())
    path = chance.choice(paths)
    kind = chance.choice(["write", "append", "touch", "delete", "chmod", "add", "restore", "link", "swap"])
    match kind:
        case "write" | "append" if not path.is_symlink():
            path.write_text(chance.choice(list(FILES.values())) + (path.read_text() if kind == "append" else ""))
        case "touch" if path.exists():
            os.utime(path)
        case "delete" if len(paths) > 3:
            path.unlink()
        case "chmod" if not path.is_symlink():
            path.chmod(chance.choice([0o644, 0o755]))
        case "add":
            (path.parent / chance.choice(["x.py", "Dockerfile", "compose.yaml", "notes.md", "y.sh"])).write_text(
                "FROM scratch\n"
            )
        case "link" if not (path.parent / "z").is_symlink():
            (path.parent / "z").symlink_to(chance.choice(["main.py", "../compose.yaml", "..", "nowhere"]))
        case "swap":
            path.replace(path.with_name("Dockerfile"))
        case _:
            for name, text in FILES.items():
                (root / name).unlink(missing_ok=True)
                (root / name).write_text(text)
    return f"{kind} {path.relative_to(root)}"


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_it_says_what_a_review_from_scratch_says(root: Path, say: Say, seed: int) -> None:
    chance = random.Random(seed)
    did: list[str] = []
    for _ in range(12):
        did.append(mutate(root, chance))
        scratch = say(*WORDS, "--no-cache")
        assert say(*WORDS) == scratch, did
        assert say(*WORDS) == scratch, did
