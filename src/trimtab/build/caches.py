"""Where a build's cache is imported from and exported to: a scope for each target, so that none overwrites another's."""

from collections.abc import Mapping

from trimtab.build.target import Target

_PLACE = {"registry": "ref", "gha": "scope", "s3": "name", "azblob": "name"}
"""The attribute that tells one target's cache from another's; for `local` it is the folder."""


def cache_from(spec: str, target: Target) -> str:
    """An import for a target, from what the user wrote for all of them."""
    return _text(_scoped(_read(spec), target, "src"))


def cache_to(spec: str, target: Target) -> str:
    """An export for a target.

    `mode=max` where intermediate stages are worth keeping, which is in files with several stages, `mode=min` elsewhere; a
    cache that cannot be written fails no build. What the user says stands.
    """
    found = dict(_scoped(_read(spec), target, "dest"))
    if found.get("type") != "inline":
        found.setdefault("mode", "max" if len(target.stages) > 1 else "min")
        found.setdefault("ignore-error", "true")
    return _text(found)


def _read(spec: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in spec.split(",")]
    if "=" not in spec:
        return {"type": "registry", "ref": spec}
    return {key: value for key, _, value in pairs}


def _scoped(found: Mapping[str, str], target: Target, folder: str) -> dict[str, str]:
    if any("{target}" in value for value in found.values()):
        return {key: value.replace("{target}", target.name) for key, value in found.items()}
    kind = found.get("type", "")
    key = folder if kind == "local" else _PLACE.get(kind)
    if key is None or (kind != "gha" and kind not in {"s3", "azblob"} and key not in found):
        return dict(found)
    value = found.get(key, "")
    if kind == "registry":
        tagged = ":" in value.rpartition("/")[2]
        value = f"{value}-{target.name}" if tagged else f"{value}:{target.name}"
    else:
        separator = "/" if kind == "local" else "-"
        value = f"{value}{separator}{target.name}" if value else target.name
    return {**found, key: value}


def _text(found: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in found.items())
