"""Bake files as a source of targets."""

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
_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}")


def read_bake(tree: Tree, path: str) -> tuple[list[Service], list[Problem]]:
    """The targets of a bake file. What cannot be read is a problem, never an exception."""
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return [], [Problem(path, 1, "unreadable", f"`{path}` {source.reason}")]
    try:
        data = _json(source.text) if path.endswith(".json") else _hcl(source.text)
        return _targets(data, path), []
    except Exception as error:  # noqa: BLE001  the HCL grammar raises its parser's own family of errors
        line = getattr(error, "line", 1)
        return [], [Problem(path, line if isinstance(line, int) and line > 0 else 1, "syntax", _first_line(error))]


def _targets(data: Mapping[str, object], path: str) -> list[Service]:
    targets = mapping(data.get("target"))
    variables = {name: str(mapping(body).get("default", "")) for name, body in mapping(data.get("variable")).items()}
    folder = posixpath.dirname(path)
    return [_target(name, targets, variables, path, folder) for name in targets]


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
    """Values without the quotes that newer versions of the library keep."""
    if isinstance(value, str):
        return _unquoted(value)
    if isinstance(value, list):
        return [_clean(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {_unquoted(key): _clean(item) for key, item in items if not key.startswith("__")}
    return value


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _target(name: str, targets: Mapping[str, object], variables: Mapping[str, str], path: str, folder: str) -> Service:
    body = _inherited(name, targets)

    def text(value: object) -> str:
        return _REFERENCE.sub(lambda match: variables.get(match[1], ""), str(value))

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
        merged.update(mapping(targets.get(each)))
    return merged


def _normal(path: str) -> str | None:
    joined = posixpath.normpath(path)
    if joined.startswith(("..", "/")):
        return None
    return "" if joined == "." else joined
