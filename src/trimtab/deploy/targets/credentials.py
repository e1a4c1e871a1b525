"""Keeping a project's credentials out of what is written for another orchestrator."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.plain import items, mapping, text
from trimtab.fleet.secrets import is_placeholder, is_secret_name, known_values, named_kind, secret_kind

_FLAG = re.compile(r"^--?([A-Za-z][\w-]*)(?:=(.*))?$", re.DOTALL)
_SHORTEST = 4
"""A shorter value is not searched for in other texts: it stands in too many words."""
_LONG = 8
"""A value of so many characters is a part of no other word."""
_NO_VALUE = re.compile(r"^(true|false|yes|no|on|off|none|null|\d{1,3}|/.*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Credentials:
    """The credentials of a project: values to where they stand, as `(service, variable)`; no variable, no environment."""

    places: Mapping[str, tuple[tuple[str, str], ...]]
    names: frozenset[str]
    """Words that the project also uses as names; a credential like that is hidden in the environment only."""

    def __repr__(self) -> str:
        return f"Credentials({len(self.places)} values)"

    def is_one(self, name: str, value: str) -> bool:
        """Whether a variable belongs with the secrets: by its name, its format, or because a credential is in its value."""
        return _is_credential(name, value) or any(True for _ in self.inside(value, everywhere=True))

    def parts(self, value: str) -> frozenset[str]:
        """The credentials that are a part of a text, as of an address; none where one of them cannot be told from the rest."""
        found = {*self.inside(value)} - {value}
        return frozenset(found) if found >= {*self.inside(value, everywhere=True)} - {value} else frozenset()

    def inside(self, value: str, *, everywhere: bool = False) -> Iterator[str]:
        """The credentials that stand in a text as whole words."""
        for each in self.places:
            if (
                len(each) >= _SHORTEST
                and each in value
                and (everywhere or each not in self.names)
                and _word(each).search(value)
            ):
                yield each
        for _, found in known_values(value):
            if found not in self.places:
                yield found

    def hide(self, value: str, instead: Callable[[str], str], found: frozenset[str] | None = None) -> str:
        """A text with something else for each credential in it, or for those that are given."""
        for each in sorted(set(self.inside(value)) if found is None else found, key=lambda text: (-len(text), text)):
            value = (
                _word(each).sub(lambda _, each=each: instead(each), value)
                if each in self.places
                else value.replace(each, instead(each))
            )
        return value


def _word(value: str) -> re.Pattern[str]:
    """Where a credential stands: anywhere for a long one; a short one as a word, or behind `-p` as in `mysqladmin -psecret`."""
    plain = re.escape(value)
    return re.compile(plain if len(value) >= _LONG else rf"(?:(?<![A-Za-z0-9])|(?<=-p)){plain}(?![A-Za-z0-9])")


def _is_credential(name: str, value: str) -> bool:
    if secret_kind(name, value) is not None:
        return True
    # A placeholder under a credential's name has to be replaced all the same, by hand and in the Secret.
    return is_secret_name(name) and is_placeholder(value) and not _NO_VALUE.match(value)


def find_credentials(
    services: Mapping[str, object], names: frozenset[str], options: Iterable[Mapping[str, object]] = ()
) -> Credentials:
    """The credentials in services' environments, and those that their commands, labels and options name as such.

    Args:
        services: By name.
        names: Words that the project uses as names.
        options: Options of what services share, as `driver_opts` of volumes.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for service, body in services.items():
        for name, raw in mapping(mapping(body).get("environment")).items():
            value = text(raw) or ""
            if value and _is_credential(name, value):
                found.setdefault(value, []).append((service, name))
            for _, part in known_values(value):
                found.setdefault(part, [])
        for value in _in_texts(mapping(body)):
            found.setdefault(value, []).append((service, ""))
    for each in options:
        for value in _in_options(each):
            found.setdefault(value, [])
    used = names | {word for body in services.values() for word in re.findall(r"\w+", str(mapping(body).get("image") or ""))}
    return Credentials({value: tuple(dict.fromkeys(places)) for value, places in found.items()}, used)


def _in_texts(body: Mapping[str, object]) -> Iterator[str]:
    """Values that an option or a label says are credentials: `--password=…`, `--api-key …`."""
    hooks = (mapping(hook).get("command") for key in ("post_start", "pre_stop") for hook in items(body.get(key)))
    for command in (body.get("command"), body.get("entrypoint"), mapping(body.get("healthcheck")).get("test"), *hooks):
        words = [str(word) for word in items(command)]
        spread = [part for word in words for part in (re.split(r"\s+", word) if " " in word else [word])]
        for number, word in enumerate(spread):
            match = _FLAG.match(word)
            if match is None or not is_secret_name(match[1]):
                continue
            value = match[2] if match[2] is not None else next(iter(spread[number + 1 : number + 2]), "")
            if named_kind(match[1], value.strip("\"'")) is not None:
                yield value.strip("\"'")
    settings = mapping(body.get("logging")).get("options"), mapping(body.get("deploy")).get("labels")
    for options in (body.get("labels"), body.get("annotations"), *settings):
        yield from _in_options(mapping(options))


def _in_options(options: Mapping[str, object]) -> Iterator[str]:
    """Values that their names say are credentials, and those in mount options: `o: username=a,password=b`."""
    for name, raw in options.items():
        value = text(raw) or ""
        if secret_kind(name, value) is not None:
            yield value
        for option in value.split(",") if name == "o" else ():
            inner, _, part = option.partition("=")
            if named_kind(inner.strip(), part) is not None:
                yield part
