"""What a compose or bake file says about a build beyond its context and arguments, in the words of `buildx build`."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from trimtab.fleet.plain import items, mapping, text


@dataclass(frozen=True)
class BuildOptions:
    """Options of one build; each value is what the flag of `docker buildx build` takes."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: tuple[str, ...] = ()
    """`id=token,env=TOKEN` or `id=token,src=path`: where a secret is, never its value. Paths count from the root."""
    ssh: tuple[str, ...] = ()
    network: str | None = None
    hosts: tuple[str, ...] = ()
    shm_size: str | None = None
    ulimits: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    inline: str | None = None
    """A Dockerfile's text that stands in the file itself."""
    no_cache: bool = False
    pull: bool = False

    @property
    def without_caches(self) -> "BuildOptions":
        """The options that can change an image: where caches are does not."""
        return replace(self, cache_from=(), cache_to=())


def read_options(said: Mapping[str, object], secrets: Mapping[str, object], folder: str) -> BuildOptions:
    """The options of a build section of compose, or of a bake target.

    `secrets` is the project's own table of them; relative paths count from `folder`. Never raises; what is not understood
    is left out.
    """

    def get(name: str) -> object:
        return said.get(name, said.get(name.replace("_", "-")))

    entitlements = [str(item) for item in items(get("entitlements"))]
    entitlements += ["security.insecure"] if get("privileged") is True else []
    return BuildOptions(
        labels=dict(_pairs(get("labels"))),
        secrets=tuple(_secrets(items(get("secrets")) + items(get("secret")), secrets, folder)),
        ssh=tuple(key if not value else f"{key}={value}" for key, value in _pairs(get("ssh"))),
        network=text(get("network")),
        hosts=tuple(_hosts(get("extra_hosts"))),
        shm_size=text(get("shm_size")),
        ulimits=tuple(_ulimits(get("ulimits"))),
        cache_from=tuple(_joined(item) for item in items(get("cache_from"))),
        cache_to=tuple(_joined(item) for item in items(get("cache_to"))),
        entitlements=tuple(dict.fromkeys(entitlements)),
        inline=text(get("dockerfile_inline")),
        no_cache=get("no_cache") is True,
        pull=get("pull") is True,
    )


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    """Names and values of a mapping, or of a list of `NAME=value`."""
    for key, item in mapping(value).items():
        yield key, text(item) or ""
    for item in items(value) if not isinstance(value, dict) else []:
        name, _, rest = str(item).partition("=")
        yield name, rest


def _hosts(value: object) -> Iterator[str]:
    for key, item in mapping(value).items():
        yield from (f"{key}:{address}" for address in items(item))
    for item in items(value) if not isinstance(value, dict) else []:
        yield str(item).replace("=", ":", 1)


def _ulimits(value: object) -> Iterator[str]:
    for key, item in mapping(value).items():
        limits = mapping(item)
        yield f"{key}={limits.get('soft')}:{limits.get('hard')}" if limits else f"{key}={item}"
    for item in items(value) if not isinstance(value, dict) else []:
        yield str(item)


def _joined(item: object) -> str:
    """A cache as bake may write it, as an object, in one text."""
    return ",".join(f"{key}={value}" for key, value in mapping(item).items()) or str(item)


def _secrets(asked: list[object], declared: Mapping[str, object], folder: str) -> Iterator[str]:
    for item in asked:
        entry = mapping(item)
        name = str(entry.get("source") or entry.get("id") or item)
        if not entry and "=" in name:
            yield _counted(name, folder)
            continue
        where = mapping(declared.get(name)) or entry
        identity = f"id={entry.get('target') or entry.get('id') or name}"
        if where.get("environment") or where.get("env"):
            yield f"{identity},env={where.get('environment') or where.get('env')}"
        elif where.get("file") or where.get("src"):
            yield _counted(f"{identity},src={where.get('file') or where.get('src')}", folder)


def _counted(spec: str, folder: str) -> str:
    """A secret's text with its path counted from the root."""
    parts = [part.partition("=") for part in spec.split(",")]
    return ",".join(
        f"{key}={posixpath.normpath(posixpath.join(folder or '.', value))}"
        if key in {"src", "source"}
        else f"{key}{equals}{value}"
        for key, equals, value in parts
    )
