"""What package indexes say of wheels, and what is made of their silence."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import pytest
from packaging.specifiers import SpecifierSet

from trimtab.fleet import MemoryTree, WheelState, discover
from trimtab.gather import wheels
from trimtab.gather.wheels import CachedIndex, configured_index, find_wheels, judge, questions, releases

PANDAS = [
    "pandas-1.5.0.tar.gz",
    "pandas-1.5.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "pandas-2.2.3-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "pandas-2.2.3-cp312-cp312-musllinux_1_2_x86_64.whl",
    "pandas-3.0.0rc1-cp312-cp312-musllinux_1_2_x86_64.whl",
    "not a distribution.txt",
]


@pytest.mark.parametrize(
    ("names", "allowed", "minor", "musl", "glibc", "version", "later"),
    [
        (PANDAS, "", "3.12", "yes", "yes", "2.2.3", None),
        (PANDAS, "<2", "3.12", "no", "no", "1.5.0", "2.2.3"),
        (PANDAS, "", "3.11", "no", "no", "2.2.3", None),
        (PANDAS, ">=4", "3.12", "unknown", "unknown", None, None),
        (["six-1.17.0-py2.py3-none-any.whl"], "", "3.13", "pure", "pure", "1.17.0", None),
        (["a-1-cp39-abi3-musllinux_1_2_x86_64.whl"], "", "3.13", "yes", "no", "1", None),
        (["a-1-cp314-abi3-musllinux_1_2_x86_64.whl"], "", "3.13", "no", "no", "1", None),
        (["a-1-cp313-cp313-musllinux_1_2_aarch64.whl"], "", "3.13", "no", "no", "1", None),
        ([], "", "3.13", "unknown", "unknown", None, None),
    ],
)
def test_judge(
    names: list[str], allowed: str, minor: str, musl: str, glibc: str, version: str | None, later: str | None
) -> None:
    found = judge(releases(names, minor), SpecifierSet(allowed))
    assert (found.musl, found.glibc, found.version, found.first_musl) == (musl, glibc, version, later)


class Recorded:
    """An index with recorded answers."""

    def __init__(self, answers: Mapping[str, Sequence[str] | None]) -> None:
        self.answers = answers

    def filenames(self, project: str) -> Sequence[str] | None:
        return self.answers.get(project)


def test_a_silent_index_leaves_everything_unknown() -> None:
    async def ask() -> Mapping[tuple[str, str], wheels.Wheels]:
        asked = [("pandas", "3.12"), ("gone", "3.12")]
        return await find_wheels(asked, offline=False, index=Recorded({"pandas": PANDAS, "gone": None}))

    found = anyio.run(ask)
    assert set(found) == {("pandas", "3.12")}
    assert found["pandas", "3.12"].musl is WheelState.YES


def test_what_is_asked_follows_includes_and_constraints() -> None:
    text = "FROM python:3.12-alpine\nCOPY r/ r/\nRUN pip install -r r/a.txt -c r/c.txt 'flask[async]>=3' ./local\n"
    files = {
        "Dockerfile": text,
        "r/a.txt": "-r b.txt\nsix  # why\n",
        "r/b.txt": "pandas>=2 ; python_version > '3'\n",
        "r/c.txt": "x==1\n",
    }
    fleet = discover(MemoryTree(files))
    assert {name.split(" ")[0].split(">")[0].split(";")[0] for name, _ in questions(fleet)} <= {"pandas", "six", "flask[async]"}
    text = text.replace(" ./local", "")
    fleet = discover(MemoryTree({**files, "Dockerfile": text}))
    asked = questions(fleet)
    assert {minor for _, minor in asked} == {"3.12"}
    assert {name.partition(">")[0] for name, _ in asked} == {"six", "pandas", "flask[async]"}
    assert questions(discover(MemoryTree({**files, "Dockerfile": text.replace("-alpine", "-slim")}))) == ()


def test_answers_are_remembered_and_offline_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[str] = []

    def ask(self: CachedIndex, name: str) -> list[str]:
        asked.append(name)
        return ["six-1-py3-none-any.whl"]

    monkeypatch.setattr(CachedIndex, "_ask", ask)
    assert CachedIndex(offline=True).filenames("Six") is None
    assert CachedIndex(offline=False).filenames("Six") == ["six-1-py3-none-any.whl"]
    assert CachedIndex(offline=False).filenames("six") == ["six-1-py3-none-any.whl"]
    assert CachedIndex(offline=True).filenames("six") == ["six-1-py3-none-any.whl"]
    assert asked == ["six"]


def test_the_users_own_index(tmp_path: Path) -> None:
    assert configured_index({"PIP_INDEX_URL": "https://one.example"}) == "https://one.example"
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://two.example\n")
    assert configured_index({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path)}) == "https://two.example"
    (tmp_path / "pip.conf").write_text("no section")
    assert configured_index({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path)}) in {
        None,
        configured_index({}),
    }
