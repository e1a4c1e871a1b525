"""The names that a script gives the engine: a variable or a function that stands for `docker compose -f …`."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

PROGRAMS = frozenset({"docker", "podman", "nerdctl"})
OLD_PROGRAM = "docker-compose"

_ASSIGNED = re.compile(
    r"(?m)(?:^|[;&|]|\bthen\b|\belse\b|\bdo\b)[ \t]*(?:(?:export|local|readonly|declare|typeset)\s+(?:-\w+\s+)*)?"
    r"(?P<name>[A-Za-z_]\w*)="
    r"(?:\"(?:\$\{\w+:?-)?(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|\((?P<list>[^()\n]*)\)|(?P<plain>[\w./-]+))"
)
_FUNCTION = re.compile(
    r"(?m)^[ \t]*(?:function\s+)?(?P<name>[A-Za-z_][\w-]*)\s*(?:\(\s*\))?\s*\{\s*"
    r"(?P<body>(?:[^{}\n;]|\$\{[^{}\n]*\})*?)\s+(?:\"\$@\"|@args)\s*;?\s*\}"
)
_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+)(?:\[@\])?\})")


def program(word: str) -> str:
    """A program's name without its folder and Windows' ending."""
    return posixpath.basename(word.replace("\\", "/")).removesuffix(".exe")


def stand_ins(text: str) -> Mapping[str, tuple[str, ...]]:
    """By the name of a variable (`$DC`) or a function (`dc`), the words of the engine's call that it stands for.

    Only what never stands for anything else counts: each value that the text gives the variable begins with the engine's
    program, or is empty. Of several, one that is not the old `docker-compose` is taken. A function is one that does nothing but
    hand its arguments on, under a name that is not the program's own.
    """
    values: dict[str, list[tuple[str, ...]]] = {}
    for match in _ASSIGNED.finditer(text):
        written = next(each for each in match.group("double", "single", "list", "plain") if each is not None)
        if words := _words(written):
            values.setdefault(f"${match['name']}", []).append(words)
    found = {name: min(every, key=_is_old) for name, every in values.items() if all(map(_is_engine, every))}
    for match in _FUNCTION.finditer(text):
        words = expanded(_words(match["body"]), found)
        if _is_engine(words) and not _is_engine((match["name"],)):
            found[match["name"]] = words
    return found


def expanded(words: Sequence[str], names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """A command's words with what its first one stands for in its place."""
    variable = _VARIABLE.fullmatch(words[0]) if words else None
    name = f"${variable['plain'] or variable['braced']}" if variable else "".join(words[:1])
    return (*names[name], *words[1:]) if name in names else tuple(words)


def _words(text: str) -> tuple[str, ...]:
    # The end of `${DC:-docker compose}`, whose beginning is left out.
    return tuple(_stripped((text if "{" in text else text.rstrip("}")).split()))


def _stripped(words: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(words):
        if index or word != "sudo":
            yield word.strip("\"'")


def _is_engine(words: Sequence[str]) -> bool:
    return bool(words) and (program(words[0]) in PROGRAMS or _is_old(words))


def _is_old(words: Sequence[str]) -> bool:
    return program(words[0]) == OLD_PROGRAM
