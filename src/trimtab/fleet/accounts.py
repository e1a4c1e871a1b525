"""Which users and groups an image has, where that can be told from the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Stage, libc_of
from trimtab.syntax.shell import Command

_DEBIAN = frozenset(
    [
        "root",
        "daemon",
        "bin",
        "sys",
        "sync",
        "games",
        "man",
        "lp",
        "mail",
        "news",
        "uucp",
        "proxy",
        "www-data",
        "backup",
        "list",
    ]
    + ["irc", "gnats", "_apt", "nobody", "nogroup", "adm", "tty", "disk", "dialout", "fax", "voice", "cdrom", "floppy", "tape"]
    + [
        "sudo",
        "audio",
        "dip",
        "operator",
        "src",
        "shadow",
        "utmp",
        "video",
        "sasl",
        "plugdev",
        "staff",
        "users",
        "kmem",
        "ubuntu",
    ]
)
"""Users and groups of Debian's `base-passwd`, and Ubuntu's own."""
_ALPINE = frozenset(
    [
        "root",
        "bin",
        "daemon",
        "sys",
        "adm",
        "tty",
        "disk",
        "lp",
        "mem",
        "kmem",
        "wheel",
        "floppy",
        "mail",
        "news",
        "uucp",
        "man",
    ]
    + ["cron", "console", "audio", "cdrom", "dialout", "sshd", "input", "at", "tape", "video", "netdev", "readproc", "squid"]
    + ["xfs", "kvm", "games", "shadow", "cdrw", "www-data", "usb", "vpopmail", "users", "ntp", "nofiles", "smmsp", "locate"]
    + ["abuild", "utmp", "ping", "nogroup", "nobody", "sync", "shutdown", "halt", "operator", "postmaster", "cyrus", "guest"]
    + ["ftp", "svn", "postgres", "postdrop"]
)
"""Users and groups of Alpine's `alpine-baselayout`."""
_OWN = {"node": {"node"}, "nginx": {"nginx"}, "gradle": {"gradle"}, "php": {"www-data"}, "composer": {"www-data"}}
_KNOWN_BASES = frozenset(
    {"python", "node", "debian", "ubuntu", "alpine", "golang", "ruby", "rust", "php", "openjdk", "eclipse-temurin", "nginx"}
)
"""Official images whose accounts are their distribution's and those in `_OWN`."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The names that an image's account files hold."""

    users: frozenset[str]
    groups: frozenset[str]


def accounts(facts: Facts, stage: Stage, index: int) -> Accounts | None:
    """The accounts when an instruction of a stage runs; None where the file alone does not tell them all."""
    reference = read_reference(facts.outside_base(stage))
    if not reference.official or reference.name not in _KNOWN_BASES or not reference.tag:
        return None
    stock = _ALPINE if libc_of(reference.text) == "musl" else _DEBIAN
    users = set(stock | _OWN.get(reference.name, set()))
    groups = set(users)
    for one in facts.lineage(stage):
        last = index if one is stage else len(one.instructions)
        if any(_may_hold_accounts(copy.destination) for copy in one.copies if copy.index < last):
            return None
        for run in one.runs:
            if run.index >= last:
                continue
            if not _is_understood(run.instruction.logical.text, run.script.commands, run.script.broken):
                return None
            for command in run.script.commands:
                users.update(_made(command, ("useradd", "adduser")))
                groups.update(_made(command, ("groupadd", "addgroup")))
                groups.update(_own_group(command))
            packages = [package for install in run.installs if install.manager.system for package in install.packages]
            users.update(packages)
            groups.update(packages)
    return Accounts(frozenset(users), frozenset(groups))


def may_come_with(name: str, known: frozenset[str]) -> bool:
    """Whether a package that is installed may make the account: `postgresql-16` makes `postgres`."""
    lower = name.lower()
    packages = (each.lower() for each in known)
    return name in known or any(lower in each or (len(each) > 2 and each in lower) for each in packages if len(name) > 2)


def _may_hold_accounts(destination: str) -> bool:
    return destination in {"/", "/etc"} or destination.startswith(("/etc/passwd", "/etc/group"))


def _is_understood(text: str, commands: tuple[Command, ...], broken: bool) -> bool:
    """Whether all account changes of a RUN can be read: plain words, no script of its own, no edited files."""
    if broken or re.search(r"/etc/(passwd|group)|newusers|usermod|groupmod|chroot|/usr/sbin/adduser", text):
        return False
    if not commands:
        return False
    names = {"useradd", "adduser", "groupadd", "addgroup"}
    if any(command.name in names and not command.literal for command in commands):
        return False
    return not any(
        re.search(r"\.sh$|^(sh|bash|ash)$", command.name) or command.name in {"make", "ansible-playbook"}
        for command in commands
    )


def _made(command: Command, names: tuple[str, ...]) -> Iterator[str]:
    """Any word may be the name: an option's value that is taken for one only makes the rules more careful."""
    if command.name in names:
        yield from (word for word in command.words[1:] if not word.startswith("-"))


def _own_group(command: Command) -> Iterator[str]:
    """useradd makes a group of the user's name unless told otherwise; so does Debian's adduser but not with --system."""
    words = set(command.words)
    told = {"-g", "--gid", "-N", "--no-user-group"} & words
    if command.name == "useradd" and not told:
        yield from _made(command, ("useradd",))
    if command.name == "adduser" and ({"--group", "--ingroup"} & words or not {"--system", "-S", "-G"} & words):
        yield from _made(command, ("adduser",))
