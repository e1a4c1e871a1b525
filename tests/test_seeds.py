"""Every seeded defect is found where it stands, and nothing is found in a good fleet.

`tests/seeds/seeds.toml` says what is seeded in which folder; `bench/linters.py` asks other tools about the same folders.
"""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest

from trimtab.cli.app import run

SEEDS = Path(__file__).parent / "seeds"


TODAY = datetime(2026, 11, 23, tzinfo=UTC)
"""The day that the seeds were made for: a base that is supported now will not be one day."""


@pytest.fixture(autouse=True)
def that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(TODAY.timestamp(), tz)

    monkeypatch.setattr("trimtab.fleet.outside.datetime", Clock)


@dataclass(frozen=True)
class Seed:
    """One table of `seeds.toml`."""

    name: str
    what: str
    good: bool = False
    code: str = ""
    path: str = ""
    line: int = 0
    select: bool = False
    network: bool = False
    git: bool = False
    commits: int = 0
    touches: Sequence[str] = ()
    make: Mapping[str, str] = field(default_factory=dict[str, str])
    fill: Mapping[str, int] = field(default_factory=dict[str, int])

    def copy(self, target: Path) -> Path:
        """The seed in a folder of its own, with everything that cannot be committed."""
        shutil.copytree(SEEDS / self.name, target)
        for path, text in self.make.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text)
        for path, size in self.fill.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            with (target / path).open("wb") as file:
                file.truncate(size)
        if self.git:
            self._repository(target)
        return target

    def _repository(self, target: Path) -> None:
        git(target, "init")
        git(target, "add", ".")
        git(target, "commit", "-m", "Everything")
        for number in range(self.commits):
            for path in self.touches:
                with (target / path).open("a") as file:
                    file.write(f"# {number}\n")
            git(target, "commit", "-a", "-m", f"Edit {number}")


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular, without the machine's own ignore files and hooks."""
    settings = ["user.name=t", "user.email=t@example.org", "init.defaultBranch=main", "commit.gpgSign=false", "core.excludesFile=",
                "core.hooksPath="]  # fmt: skip
    options = [option for setting in settings for option in ("-c", setting)]
    subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True)


def read_seeds() -> list[Seed]:
    tables: dict[str, dict[str, Any]] = tomllib.loads((SEEDS / "seeds.toml").read_text(encoding="utf-8"))
    return [Seed(name=name, **table) for name, table in tables.items()]


ALL = read_seeds()
BAD = [pytest.param(seed, id=seed.name) for seed in ALL if not seed.good]
GOOD = [pytest.param(seed, id=seed.name) for seed in ALL if seed.good]


def review(seed: Seed, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The findings of a seed; a file that could not be checked fails the test."""
    argv = ["review", str(seed.copy(folder)), "--format", "json"]
    argv += [] if seed.network else ["--offline"]
    argv += ["--extend-select", seed.code] if seed.select else []
    code = run(argv)
    captured = capsys.readouterr()
    assert code in {0, 1}, captured.err
    data = json.loads(captured.out)
    assert data["errors"] == []
    return data["findings"]


@pytest.mark.parametrize("seed", BAD)
def test_the_seeded_defect_is_found(seed: Seed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = [(each["rule"], each["path"], each["line"]) for each in review(seed, tmp_path / "seed", capsys)]
    assert (seed.code, seed.path, seed.line) in places, seed.what


@pytest.mark.parametrize("seed", GOOD)
def test_nothing_is_found_in_a_good_fleet(seed: Seed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = review(seed, tmp_path / "seed", capsys)
    assert [(each["rule"], each["path"], each["line"], each["message"]) for each in found] == []


def test_every_folder_is_listed() -> None:
    assert {seed.name for seed in ALL} == {path.name for path in SEEDS.iterdir() if path.is_dir()}


@pytest.mark.parametrize("seed", BAD)
def test_every_place_exists(seed: Seed) -> None:
    lines = (SEEDS / seed.name / seed.path).read_text().splitlines()
    assert lines[seed.line - 1].strip()
