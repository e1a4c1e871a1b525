"""Bake files as a source of targets."""

import itertools
import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

from trimtab.fleet.model import Build, Problem, Service
from trimtab.fleet.plain import items, mapping, named_context
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.data import read_json

BAKE_NAMES = ("docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl")
"""The files that bake reads where none is named, each laid over those before it (its reference, "File lookup")."""
_MOST_ANCESTORS = 200
_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)\s*\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?")
_EXPRESSION = re.compile(r"(?<![$%])[$%]\{")
_MERGED = ("args", "contexts", "labels")
"""What a target adds to, key by key, where it inherits; everything else takes the place of what is inherited."""
_MOST_OF_A_MATRIX = 200
_KINDS = ("target", "variable", "group")


def with_siblings(paths: Collection[str], path: str) -> bool:
    """Whether one of some files is meant by another's name: the bake files of a folder, laid over each other, are one."""
    folder = posixpath.dirname(path)
    return path in paths or (is_bake(path) and any(is_bake(each) and posixpath.dirname(each) == folder for each in paths))


def is_bake(path: str) -> bool:
    """Whether bake reads a file without being told to."""
    return posixpath.basename(path) in BAKE_NAMES


def read_bake(
    tree: Tree, paths: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[list[Service], list[Problem]]:
    """The targets of a folder's bake files, each file laid over those before it. What cannot be read is a problem, never an
    exception, and the other files are read without it.

    A variable of the environment has the value that it has there, as bake takes it. A target whose name begins with `_` is
    there for others to inherit from, and none that is built. A target is that of the first file that has it.
    """
    said: dict[str, dict[str, object]] = {kind: {} for kind in _KINDS}
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths:
        read = _read(tree, path)
        if isinstance(read, Problem):
            problems.append(read)
            continue
        said = {kind: _over(said[kind], mapping(read.get(kind))) for kind in _KINDS}
        origins = dict.fromkeys(mapping(read.get("target")), path) | origins
    try:
        found = _targets(said, origins, environment or {})
    except ValueError as error:
        return [], [*problems, Problem(paths[0], 1, "syntax", _first_line(error))]
    unread = {each.name: (each.origin, text) for each in found if (text := _unread(each))}
    problems += [
        Problem(path, 1, "unreadable", f"target `{name}` has `{text}`, and expressions of bake are not read here")
        for name, (path, text) in unread.items()
    ]
    return [each for each in found if each.name not in unread], problems


def _read(tree: Tree, path: str) -> Mapping[str, object] | Problem:
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return Problem(path, 1, "unreadable", f"`{path}` {source.reason}")
    try:
        return _json(source.text) if path.endswith(".json") else _hcl(source.text)
    except Exception as error:  # noqa: BLE001  the HCL grammar raises its parser's own family of errors
        line = getattr(error, "line", 1)
        return Problem(path, line if isinstance(line, int) and line > 0 else 1, "syntax", _first_line(error))


def _over(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """Blocks of one kind from two files: what both have is one, the later file's keys over the earlier's."""
    return {**before, **{name: _laid_over(mapping(before.get(name)), mapping(body)) for name, body in after.items()}}


def _laid_over(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    added = {key: {**mapping(before.get(key)), **mapping(after[key])} for key in _MERGED if key in after}
    return {**before, **after, **added}


def _targets(
    said: Mapping[str, Mapping[str, object]], origins: Mapping[str, str], environment: Mapping[str, str]
) -> list[Service]:
    targets = said["target"]
    defaults = {name: mapping(body).get("default") for name, body in said["variable"].items()}
    known = {name: environment.get(name, _written(value)) for name, value in defaults.items()}
    # A default may name other variables.
    variables = {name: _REFERENCE.sub(lambda match: known.get(match[1], ""), value) for name, value in known.items()}
    groups = {name: [str(each) for each in items(mapping(body).get("targets"))] for name, body in said["group"].items()}
    found: list[Service] = []
    for name in targets:
        body = _inherited(name, targets)
        if not name.startswith("_"):
            of = _groups_of(name, groups)
            for each, values in _of_matrix(name, body, variables):
                called = tuple(sorted({*of, *_groups_of(each, groups), name} - {each}))
                found.append(_target(each, body, values, origins[name], called))
    return found


def _groups_of(name: str, groups: Mapping[str, Collection[str]]) -> set[str]:
    """The groups that hold a target, by others where need be."""
    found: set[str] = set()
    while more := {group for group, names in groups.items() if not {name, *found}.isdisjoint(names)} - found:
        found |= more
    return found


def _of_matrix(name: str, body: Mapping[str, object], variables: Mapping[str, str]) -> list[tuple[str, Mapping[str, str]]]:
    """The targets that one stands for, each with what its variables are.

    Raises:
        ValueError: there are more of them than anybody writes.
    """
    matrix = {key: items(values) for key, values in mapping(body.get("matrix")).items()}
    if not matrix:
        return [(name, variables)]
    rows = list(itertools.islice(itertools.product(*matrix.values()), _MOST_OF_A_MATRIX + 1))
    if len(rows) > _MOST_OF_A_MATRIX:
        raise ValueError(f"target `{name}` stands for more than {_MOST_OF_A_MATRIX} others")
    found: list[tuple[str, Mapping[str, str]]] = []
    for row in rows:
        values: dict[str, str] = dict(variables)
        for key, value in zip(matrix, row, strict=True):
            values |= {key: _written(value)} | {f"{key}.{part}": _written(each) for part, each in mapping(value).items()}
        said = str(body.get("name") or "-".join([name, *(_written(value) for value in row)]))
        found.append((_put_in(said, values), values))
    return found


def _put_in(text: str, values: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: values.get(match[1], ""), text)


def _written(value: object) -> str:
    """A value as bake writes it into a text."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _unread(service: Service) -> str:
    """The first text of a build in which something is left that has to be worked out."""
    build = service.build
    own = (*build.args.values(), *build.additional_contexts.values(), build.context or "", build.target or "") if build else ()
    return next((text for text in (*own, service.image or "") if _EXPRESSION.search(text)), "")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _json(text: str) -> dict[str, object]:
    data = read_json(text)
    if not isinstance(data, dict):
        raise ValueError("a bake file must be an object at the top")
    return cast("dict[str, object]", data)


def _hcl(text: str) -> dict[str, object]:
    """HCL's blocks, which the library gives as lists of one-key mappings, joined by name."""
    # Imported here: its grammar takes 30 ms to load, and most fleets have no bake file in HCL.
    import hcl2

    loads = cast("Callable[[str], dict[str, object]]", hcl2.loads)  # pyright: ignore[reportUnknownMemberType]
    data = loads(text)
    joined: dict[str, object] = {}
    for kind in _KINDS:
        blocks = cast("list[dict[str, object]]", data.get(kind, []))
        joined[kind] = {_unquoted(name): _clean(body) for block in blocks for name, body in block.items()}
    return joined


def _clean(value: object) -> object:
    """Values without the quotes that the library keeps; a name without quotes is that of a variable."""
    if isinstance(value, str):
        return f"${{{value}}}" if _NAME.fullmatch(value) else _unquoted(value)
    if isinstance(value, list):
        return [_clean(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_unquoted(key): _clean(item) for key, item in items if not key.startswith("__")}
    return value


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _target(name: str, body: Mapping[str, object], variables: Mapping[str, str], path: str, groups: tuple[str, ...]) -> Service:
    def text(value: object) -> str:
        return _put_in(_written(value), variables)

    folder = posixpath.dirname(path)
    context_text = text(body.get("context", "."))
    context = None if "://" in context_text else _normal(posixpath.join(folder or ".", context_text))
    dockerfile = (
        None if context is None else _normal(posixpath.join(context or ".", text(body.get("dockerfile", "Dockerfile"))))
    )
    build = Build(
        context,
        dockerfile,
        text(body["target"]) if body.get("target") else None,
        {key: text(value) for key, value in mapping(body.get("args")).items()},
        {key: named_context(folder, text(value)) for key, value in mapping(body.get("contexts")).items()},
        tuple(text(item) for item in items(body.get("platforms"))),
        _resolved(body, text),
    )
    tags = [text(item) for item in items(body.get("tags"))]
    return Service(name=name, origin=path, line=1, image=tags[0] if tags else None, build=build, groups=groups)


def _resolved(value: object, text: Callable[[object], str]) -> dict[str, object]:
    """A body with its variables put in."""

    def resolved(item: object) -> object:
        if isinstance(item, str):
            return text(item)
        if isinstance(item, list):
            return [resolved(each) for each in cast("list[object]", item)]
        return {key: resolved(each) for key, each in mapping(item).items()} or item

    return {key: resolved(item) for key, item in mapping(value).items()}


def _inherited(name: str, targets: Mapping[str, object]) -> dict[str, object]:
    """A target's body over those that it inherits from, the later named over the earlier; each is taken once.

    One that several inherit from is put where it is named last: that is where its keys would win.

    Raises:
        ValueError: there are more of them than anybody writes: the time would grow by their number's square.
    """
    order: list[str] = []
    pending = [name]
    seen: set[str] = set()
    while pending:
        current = pending.pop()
        if current not in seen:
            seen.add(current)
            order.append(current)
            if len(order) > _MOST_ANCESTORS:
                raise ValueError(f"target `{name}` inherits from more than {_MOST_ANCESTORS} others")
            pending += [str(parent) for parent in items(mapping(targets.get(current)).get("inherits"))]
    merged: dict[str, object] = {}
    for each in reversed(order):
        merged = _laid_over(merged, mapping(targets.get(each)))
    return merged


def _normal(path: str) -> str | None:
    joined = posixpath.normpath(path)
    if joined.startswith(("..", "/")):
        return None
    return "" if joined == "." else joined
