"""Manifests as YAML text that every reader takes for the same data."""

import re
from collections.abc import Mapping, Sequence

import yaml

MARK = "# Written by trimtab export"
"""How a file begins that an export may replace."""
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML writes `1e3` and `0o17` without quotes, which readers of YAML 1.2 take for numbers, and so does `y`.
    plain = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _string)


def manifest_text(documents: Sequence[Mapping[str, object]], *comments: str) -> str:
    """YAML documents below a comment that marks the file; the same data always gives the same text.

    Every string but a plain word is in double quotes, so that YAML 1.1 and 1.2 read the same.
    """
    head = "".join(
        f"{line}\n" for line in (MARK + "; changes are lost with the next one.", *(f"# {each}" for each in comments))
    )
    parts = [yaml.dump(dict(each), Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True) for each in documents]
    return head + "---\n".join(parts)


def filled(data: Mapping[str, object]) -> dict[str, object]:
    """A mapping without keys that say nothing."""
    return {key: value for key, value in data.items() if value is not None and value not in ({}, [])}
