"""Bake files as a source of targets."""

import itertools
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import cast

from trimtab.fleet.model import Build, Problem, Service
from trimtab.fleet.plain import items, mapping, named_context
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.data import read_json

BAKE_NAMES = ("docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl")
_MOST_ANCESTORS = 200
_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)\s*\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?")
_EXPRESSION = re.compile(r"(?<![$%])[$%]\{")
_MERGED = ("args", "contexts", "labels")
"""What a target adds to, key by key, where it inherits; everything else takes the place of what is inherited."""
_MOST_OF_A_MATRIX = 200


def read_bake(tree: Tree, path: str, environment: Mapping[str, str] | None = None) -> tuple[list[Service], list[Problem]]:
    """The targets of a bake file. What cannot be read is a problem, never an exception.

    A variable of the environment has the value that it has there, as bake takes it. A target whose name begins with `_` is
    there for others to inherit from, and none that is built.
    """
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return [], [Problem(path, 1, "unreadable", f"`{path}` {source.reason}")]
    try:
        data = _json(source.text) if path.endswith(".json") else _hcl(source.text)
        found = _targets(data, path, environment or {})
    except Exception as error:  # noqa: BLE001  the HCL grammar raises its parser's own family of errors
        line = getattr(error, "line", 1)
        return [], [Problem(path, line if isinstance(line, int) and line > 0 else 1, "syntax", _first_line(error))]
    unread = {each.name: text for each in found if (text := _unread(each))}
    return [each for each in found if each.name not in unread], [
        Problem(path, 1, "unreadable", f"target `{name}` has `{text}`, and expressions of bake are not read here")
        for name, text in unread.items()
    ]


def _targets(data: Mapping[str, object], path: str, environment: Mapping[str, str]) -> list[Service]:
    targets = mapping(data.get("target"))
    defaults = {name: mapping(body).get("default") for name, body in mapping(data.get("variable")).items()}
    known = {name: environment.get(name, _written(value)) for name, value in defaults.items()}
    # A default may name other variables.
    variables = {name: _REFERENCE.sub(lambda match: known.get(match[1], ""), value) for name, value in known.items()}
    folder = posixpath.dirname(path)
    found: list[Service] = []
    for name in targets:
        body = _inherited(name, targets)
        if not name.startswith("_"):
            found += [_target(each, body, values, path, folder) for each, values in _of_matrix(name, body, variables)]
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
    if build is None:
        return ""
    texts = [*build.args.values(), *build.additional_contexts.values(), build.context or "", build.target or ""]
    return next((text for text in (*texts, service.image or "") if _EXPRESSION.search(text)), "")


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
    for kind in ("target", "variable"):
        blocks = cast("list[dict[str, object]]", data.get(kind, []))
        joined[kind] = {_unquoted(name): _clean(body) for block in blocks for name, body in block.items()}
    return joined


def _clean(value: object) -> object:
    """Values without the quotes that the library keeps; a name without quotes is that of a variable."""
    if value == "null":
        return None
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


def _target(name: str, body: Mapping[str, object], variables: Mapping[str, str], path: str, folder: str) -> Service:
    def text(value: object) -> str:
        return _put_in(_written(value), variables)

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
    return Service(name=name, origin=path, line=1, image=tags[0] if tags else None, build=build)


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
        own = mapping(targets.get(each))
        merged |= {**own, **{key: {**mapping(merged.get(key)), **mapping(own[key])} for key in _MERGED if key in own}}
    return merged


def _normal(path: str) -> str | None:
    joined = posixpath.normpath(path)
    if joined.startswith(("..", "/")):
        return None
    return "" if joined == "." else joined
