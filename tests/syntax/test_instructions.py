"""Single instructions as BuildKit reads them: flags, words, lists, and what it refuses."""

import pytest

from trimtab.syntax.dockerfile import Dockerfile, Instruction, parse
from trimtab.text import Source


def read(line: str) -> Dockerfile:
    return parse(Source("Dockerfile", f"FROM a\n{line}\n"))


def only(line: str) -> Instruction:
    file = read(line)
    assert not file.problems
    return file.instructions[1]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("COPY --from=b --link x y", [("from", "b"), ("link", None)]),
        ('COPY --chown="a b" x y', [("chown", "a b")]),
        (r"COPY --chown=a\ b x y", [("chown", "a b")]),
        ("RUN --mount='type=cache,target=/a b' x", [("mount", "type=cache,target=/a b")]),
        ("RUN -- --x", []),
        ("RUN --network=none", [("network", "none")]),
        ("COPY --from=b\\\\\\", [("from", "b\\")]),
    ],
)
def test_flags(line: str, flags: list[tuple[str, str | None]]) -> None:
    assert [(flag.name, flag.value) for flag in only(line).flags] == flags


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("LABEL a='b c' d=e", ["a='b c'", "d=e"]), (r"ENV a=b\ c d=e", [r"a=b\ c", "d=e"]), ("ENV a b c", ["a", "b", "c"]),
        (r"LABEL a='b\' c=d", [r"a='b\'", "c=d"]), ("RUN -- x", ["x"]),
    ],
)  # fmt: skip
def test_words(line: str, words: list[str]) -> None:
    assert [word.raw for word in only(line).words] == words


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('CMD ["a", "b"]', ("a", "b")), ("CMD []", ()), ('CMD ["a",', None), ("CMD [ -f x ]", None), ("CMD a", None),
        ("HEALTHCHECK NONE", None), ('HEALTHCHECK CMD ["a"]', ("a",)), ("HEALTHCHECK CMD a", None), ('USER ["a"]', None),
    ],
)  # fmt: skip
def test_lists(line: str, values: tuple[str, ...] | None) -> None:
    assert only(line).json == values


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ENV A", "ENV must have two arguments"), ("LABEL a", "LABEL must have two arguments"),
        ("ENV a=b c", "can't find = in 'c'"), ("CMD [1]", "arrays must be comprised of strings only"),
        ("ONBUILD ONBUILD RUN x", "isn't allowed"), ("NONSENSE x", "unknown instruction: NONSENSE"),
    ],
)  # fmt: skip
def test_refused(line: str, reason: str) -> None:
    assert reason in read(line).problems[0].message


def test_a_heredoc_without_a_name_is_none() -> None:
    assert not only('RUN cat <<""').heredocs
