"""Comparing two images' configurations: what differs, and what no declaration explains."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import cast

from trimtab.docker import ImageConfig
from trimtab.rules import Effects
from trimtab.verify.evidence import Difference

_KEPT = ("ExposedPorts", "Volumes", "Healthcheck", "StopSignal", "User")
"""Keys whose loss always takes something from somebody: they may change when declared, and never go."""
_INIT = frozenset({"tini", "dumb-init", "catatonit", "docker-init", "s6-svscan", "my_init"})
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]")
_SHELL = re.compile(r"^(?:/usr)?(?:/bin/)?(?:ba|da|a|k|z)?sh$")
_OF_ANY_BASE = frozenset({"PATH", "LANG", "GPG_KEY", "HOME"})


def compare_configs(
    before: ImageConfig,
    after: ImageConfig,
    effects: Effects,
    own: Mapping[str, str] | None = None,
    labels: Collection[str] = (),
) -> list[Difference]:
    """Every configuration key that differs.

    Args:
        before: The original.
        after: What it became.
        effects: What the rewrite declares.
        own: The service's own files, path to text: a variable that one of them names is not to be lost.
        labels: The labels that the original's own instructions set.
    """
    found: list[Difference] = []
    for key in sorted({*before.values, *after.values}):
        old, new = before.values.get(key), after.values.get(key)
        if old != new:
            # A variable's value may be a secret; that it differs is all that anyone needs to see.
            shown = _without_value(old, new) if key.startswith("Env.") else (str(old), str(new))
            declared = any(fnmatchcase(key, pattern) for pattern in effects.config)
            lost = _is_lost(key, old, new) or (key.startswith("Env.") and _is_read(key[4:], own or {}) and old is not None)
            lost = lost or (key.startswith("Label.") and new is None and (not effects.another_base or key[6:] in labels))
            found.append(Difference(f"config {key}", *shown, "declared" if declared and not lost else ""))
    return [*found, *_commands(before, after)]


def _without_value(old: object, new: object) -> tuple[str, str]:
    return "absent" if old is None else "set", "absent" if new is None else "set" if old is None else "set to something else"


def _is_lost(key: str, old: object, new: object) -> bool:
    if key == "WorkingDir":
        return True
    if key not in _KEPT or not old:
        return False
    if isinstance(old, dict) and key != "Healthcheck":
        return not set(cast("Mapping[str, object]", old)) <= set(cast("Mapping[str, object]", new or {}))
    if key == "User":
        return not new or str(new).partition(":")[0] in {"root", "0"}
    disabled = isinstance(old, dict) and cast("Mapping[str, object]", old).get("Test") == ["NONE"]
    return not new and not disabled


def _is_read(name: str, own: Mapping[str, str]) -> bool:
    pattern = re.compile(rf"\b{re.escape(name)}\b")
    return name not in _OF_ANY_BASE and any(pattern.search(text) for text in own.values())


def _commands(before: ImageConfig, after: ImageConfig) -> Iterator[Difference]:
    """A variable that no shell expands any more, and an init process that nothing replaces."""
    for key in ("Entrypoint", "Cmd"):
        old, new = _words(before.values.get(key)), _words(after.values.get(key))
        if old != new and _in_shell(old) and not _in_shell(new):
            for word in filter(_VARIABLE.search, new):
                yield Difference(f"variable in {key}", f"{word} expanded by a shell", f"{word} as it stands")
    was, now = (_programs(config) & _INIT for config in (before, after))
    for name in sorted(was - now) if not now else ():
        yield Difference(f"init process {name}", "there", "gone")


def start_names(config: ImageConfig) -> frozenset[str]:
    """The last parts of everything that an image's start command names."""
    words = " ".join(_words(config.values.get("Entrypoint")) + _words(config.values.get("Cmd")))
    return frozenset(posixpath.basename(word) for word in words.split())


def _words(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(word) for word in cast("list[object]", value or [])]


def _in_shell(words: list[str]) -> bool:
    return len(words) > 1 and bool(_SHELL.match(words[0])) and words[1].startswith("-") and "c" in words[1]


def _programs(config: ImageConfig) -> set[str]:
    words = _words(config.values.get("Entrypoint")) + _words(config.values.get("Cmd"))
    return {posixpath.basename(word) for word in words[:3]}
