"""The documents of this repository, and what can be tried out of them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [path for path in PAGES if "reference" not in path.parts and path.name != "CHANGELOG.md"]
"""Pages that people write, whose examples nothing else holds to the code."""
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^ *(?:\$ )?(trimtab [a-z].*)$", re.MULTILINE)
_REMARK = re.compile(r" {2,}.*| #.*")


@dataclass(frozen=True)
class Fence:
    """A block of an example."""

    page: str
    language: str
    text: str


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(language: str) -> list[Fence]:
    """The blocks of one language on pages that people write."""
    return [
        Fence(name(path), found[1], found[2])
        for path in WRITTEN
        for found in _FENCE.finditer(path.read_text(encoding="utf-8"))
        if found[1] == language
    ]


def commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The command lines of all examples with their pages: without remarks, and up to a pipe or a redirection."""
    for path in WRITTEN:
        text = path.read_text(encoding="utf-8")
        blocks = [*(found[2] for found in _FENCE.finditer(text)), *re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)]
        for line in (line for block in blocks for line in _COMMAND.findall(block)):
            words = shlex.split(_REMARK.sub("", line))
            ends = [words.index(mark) for mark in ("|", ">", "&&") if mark in words]
            yield name(path), tuple(words[1 : min(ends, default=len(words))])


def anchors(text: str) -> set[str]:
    """What a page's headings are called in links to them."""
    titles = re.findall(r"^#+ +(.*)$", re.sub(_FENCE, "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
