"""How compose files override each other (compose-spec, 13-merge.md)."""

from collections.abc import Mapping
from typing import cast

from trimtab.syntax.yaml import YamlDocument

_REPLACED = frozenset({"command", "entrypoint", "test"})
_BY_TARGET = frozenset({"volumes"})


class Override:
    """A value tagged `!override` or `!reset`: it replaces what was there instead of joining it."""

    def __init__(self, value: object) -> None:
        self.value = value


def with_tags(document: YamlDocument) -> object:
    """A document's data with compose's merge tags turned into `Override`."""
    return _tagged(document.data, (), document.tags)


def _tagged(value: object, path: tuple[str | int, ...], tags: Mapping[tuple[str | int, ...], str]) -> object:
    tag = tags.get(path)
    if tag == "!reset":
        return Override(None)
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        plain: object = {key: _tagged(item, (*path, key), tags) for key, item in items}
    elif isinstance(value, list):
        plain = [_tagged(item, (*path, index), tags) for index, item in enumerate(cast("list[object]", value))]
    else:
        plain = value
    return Override(plain) if tag == "!override" else plain


def untagged(value: object) -> object:
    """What is left once everything is merged: tags that had nothing below them to replace, and keys that they take out, go."""
    if isinstance(value, Override):
        return untagged(value.value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {key: untagged(item) for key, item in pairs if not (isinstance(item, Override) and item.value is None)}
    return [untagged(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def merge(base: object, top: object, key: str = "") -> object:
    """`top` over `base`: mappings join, sequences append without repeats, everything else is replaced."""
    if isinstance(top, Override):
        return top.value
    if isinstance(base, Override):
        base = base.value
    if isinstance(base, dict) and isinstance(top, dict):
        return _merge_mappings(cast("dict[str, object]", base), cast("dict[str, object]", top))
    if isinstance(base, list) and isinstance(top, list) and key not in _REPLACED:
        return _append(cast("list[object]", base), cast("list[object]", top), key)
    return cast("object", base if top is None else top)


def _merge_mappings(base: dict[str, object], top: dict[str, object]) -> dict[str, object]:
    merged: dict[str, object] = {}
    for key in (*base, *(key for key in top if key not in base)):
        value = merge(base.get(key), top[key], key) if key in top else base[key]
        if not (isinstance(top.get(key), Override) and value is None):
            merged[key] = value
    return merged


def _append(base: list[object], top: list[object], key: str) -> list[object]:
    if key in _BY_TARGET:
        replaced = {mount_target(item) for item in top}
        base = [item for item in base if mount_target(item) not in replaced]
    return [*base, *(item for item in top if item not in base)]


def mount_target(item: object) -> str:
    """Where a volume of the short or the long form is mounted."""
    if isinstance(item, Mapping):
        return str(cast("Mapping[str, object]", item).get("target", ""))
    parts = str(item).split(":")
    return parts[0] if len(parts) == 1 else parts[1]


def normalised_service(service: Mapping[str, object]) -> dict[str, object]:
    """Short forms turned into long ones where merging needs it: build, environment, depends_on, labels, args."""
    result = dict(service)
    build = result.get("build")
    if isinstance(build, str):
        result["build"] = {"context": build}
    elif isinstance(build, dict) and "args" in build:
        mapping = cast("dict[str, object]", build)
        result["build"] = {**mapping, "args": as_mapping(mapping["args"])}
    for key in ("environment", "labels"):
        if key in result:
            result[key] = as_mapping(result[key])
    depends = result.get("depends_on")
    if isinstance(depends, list):
        result["depends_on"] = {str(name): {"condition": "service_started"} for name in cast("list[object]", depends)}
    return result


def as_mapping(value: object) -> object:
    """`["A=1", "B"]` as `{"A": "1", "B": None}`; anything else unchanged."""
    if not isinstance(value, list):
        return value
    pairs = (str(item).partition("=") for item in cast("list[object]", value))
    return {name: text if equals else None for name, equals, text in pairs}
