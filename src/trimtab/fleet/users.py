"""Users that an image has: created by its RUNs, or known of official bases."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.syntax.shell import Command


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user; numbers are None when only the builder knows them."""

    name: str
    uid: int | None
    gid: int | None
    home: str | None
    created_at: int = -1
    """Index of the creating instruction in its stage, -1 for users of the base."""


_BASES: tuple[tuple[str, KnownUser], ...] = (
    (r"(^|/)node(:|$)", KnownUser("node", 1000, 1000, "/home/node")),
    (r"(^|/)nginx(:|$)", KnownUser("nginx", 101, 101, "/nonexistent")),
    (r"(^|/)gradle(:|$)", KnownUser("gradle", 1000, 1000, "/home/gradle")),
    (r"(^|/)postgres(:|$)", KnownUser("postgres", 999, 999, "/var/lib/postgresql")),
    (r"(^|/)redis(:|$)", KnownUser("redis", 999, 999, "/home/redis")),
)
_ROOT_BASES = frozenset(
    ["alpine", "almalinux", "amazoncorretto", "amazonlinux", "archlinux", "buildpack-deps", "busybox", "caddy", "centos"]
    + ["composer", "debian", "docker", "dotnet", "eclipse-temurin", "elixir", "erlang", "fedora", "golang", "haproxy", "httpd"]
    + ["maven", "mongo", "mysql", "mariadb", "nginx", "node", "openjdk", "opensuse", "oraclelinux", "perl", "php", "postgres"]
    + ["pypy", "python", "r-base", "redis", "rockylinux", "root", "ruby", "rust", "scratch", "swift", "traefik", "ubuntu"]
)
"""Official images whose own Dockerfile leaves the user at root."""


def starts_as_root(base: str) -> bool:
    """Whether an image is known to start as root: an official one, or a copy of one under `library/` or on localhost.

    The registry's host and any mirror's path are passed over; other namespaces may do what they like.
    """
    path = re.sub(r"[@:][^/]*$", "", base)
    namespace, _, name = path.rpartition("/")
    official = namespace in {"", "docker.io"} or namespace.endswith("library") or namespace.startswith("localhost/")
    return name in _ROOT_BASES and official


ROOT = KnownUser("root", 0, 0, "/root")


def base_users(base: str) -> dict[str, KnownUser]:
    """Users of an official image, from its published Dockerfile."""
    found = {user.name: user for pattern, user in _BASES if re.search(pattern, base)}
    return {"root": ROOT, "0": ROOT, **found}


_USER_VALUES = frozenset({
    "-u", "--uid", "-g", "--gid", "-G", "--groups", "--ingroup", "-d", "--home-dir", "--home", "-h", "-s", "--shell",
    "-c", "--comment", "--gecos", "-k", "--skel", "-b", "--base-dir", "-K", "--key", "-p", "--password",
})  # fmt: skip


def created_users(commands: Iterable[Command], index: int) -> dict[str, KnownUser]:
    """Users that useradd and adduser make in one RUN; group numbers from groupadd and addgroup beside them."""
    groups: dict[str, int] = {}
    users: dict[str, KnownUser] = {}
    for command in commands:
        options, names = _options(command)
        if command.name in {"groupadd", "addgroup"} and names:
            number = options.get("-g") or options.get("--gid")
            if number and number.isdigit():
                groups[names[0]] = int(number)
        elif command.name in {"useradd", "adduser"} and names:
            users[names[0]] = _user(command, options, names[0], groups, index)
    return users


def _user(command: Command, options: Mapping[str, str], name: str, groups: Mapping[str, int], index: int) -> KnownUser:
    busybox = command.name == "adduser" and "--uid" not in options and "--home" not in options
    number = options.get("-u") or options.get("--uid")
    uid = int(number) if number and number.isdigit() else None
    group = options.get("-g") or options.get("--gid") or options.get("--ingroup") or (options.get("-G") if busybox else None)
    gid = groups.get(name) if group is None else int(group) if group.isdigit() else groups.get(group)
    home = options.get("-d") or options.get("--home-dir") or options.get("--home") or (options.get("-h") if busybox else None)
    return KnownUser(name, uid, gid, home or f"/home/{name}", index)


def _options(command: Command) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    names: list[str] = []
    words = iter(command.words[1:])
    for word in words:
        if word.startswith("--") and "=" in word:
            key, _, value = word.partition("=")
            options[key] = value
        elif word in _USER_VALUES:
            options[word] = next(words, "")
        elif _bundled(word):
            options["-" + word[-1]] = next(words, "")
        elif word.startswith("-"):
            options[word] = ""
        else:
            names.append(word)
    return options, names


def _bundled(word: str) -> bool:
    """`-mu 1000` and the like: several letters, the last of which takes a value."""
    return bool(re.match(r"^-[a-zA-Z]{2,}$", word)) and f"-{word[-1]}" in _USER_VALUES
