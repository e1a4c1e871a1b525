"""Updates that wait for an image: what its distribution's own package lists offer for what is installed."""

import re
from collections.abc import Iterator, Mapping

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.scan.packages import Distro
from trimtab.scan.result import Pending
from trimtab.scan.versions import UnreadableVersion, read_version

_SECONDS = 300
_APT = r"""
set -e
export LC_ALL=C
said=$(apt-get -qq -o APT::Update::Error-Mode=any update 2>&1) || { echo "$said" >&2; exit 100; }
case "$said" in
  *'ailed to fetch'* | *'ailed to download'*) echo "$said" >&2; exit 100 ;;
esac
set -- /var/lib/apt/lists/*_Packages*
[ -e "$1" ] || { echo 'no list of packages came: it has no sources' >&2; exit 100; }
waiting=$(apt-get -qq -o APT::Ignore-Hold=true -o APT::Get::allow-change-held-packages=true \
  -o APT::Get::Always-Include-Phased-Updates=true --simulate dist-upgrade)
echo "$waiting" | grep '^Inst ' || true
echo '=changelogs'
cd "$(mktemp -d)"
for name in $(echo "$waiting" | sed -n 's/^Inst \([^ ]*\) \[.*/\1/p'); do
  apt-get -qq download "$name" >/dev/null 2>&1 || continue
  for deb in *.deb; do
    echo "=package $name"
    names=$(dpkg-deb --fsys-tarfile "$deb" | tar -t |
      grep '^\./usr/share/doc/[^/]*/changelog\(\.Debian\)\?\.gz$' | sort) || true
    [ -z "$names" ] || dpkg-deb --fsys-tarfile "$deb" |
      tar -xO "$(echo "$names" | head -n 1)" 2>/dev/null | gzip -dc 2>/dev/null | head -c 200000 || true
    rm -f "$deb"
  done
done
"""
"""Simulates an upgrade, then prints what each waiting package says of its changes. Nothing of the image is changed.

`apt-get update` ends with 0 where it reached no list at all, and nothing would seem to wait. Old ones know no `Error-Mode`, so
what they say is read. An upgrade that cannot be worked out, as where what is installed lacks what it needs, ends the script.
What somebody holds back waits as well. Debian's own programs have `changelog.gz` alone; in others that is their program's."""
_APK = r"""
set -e
grep -q '^[^#]' /etc/apk/repositories /etc/apk/repositories.d/* 2>/dev/null ||
  { echo 'no list of packages came: it has no sources' >&2; exit 100; }
said=$(apk update 2>&1) || { echo "$said" >&2; exit 100; }
case "$said" in
  *WARNING* | *ERROR*) echo "$said" | grep 'WARNING\|ERROR' >&2; exit 100 ;;
esac
waiting=$(apk version -v -l '<')
unknown=$(apk version -v -l '?')
echo "$waiting" | sed -n 's/^\(.*\) *< *\(.*\)$/\1 \2/p'
echo '=unknown'
echo "$unknown" | sed -n 's/^\([^. ][^ ]*\) *?.*$/\1/p'
"""
"""Asks what is older than in the lists, and of which packages no list tells; groups of packages, whose names begin with a dot,
are in none.

`apk update` counts what it could not fetch, but only warns of a repository that it leaves out for another reason, and with
`-q` not even that (apk-tools 2.6 to 2.14)."""
_APT_LINE = re.compile(r"^Inst (?P<name>\S+) \[(?P<old>[^\]]+)\] \((?P<new>\S+) (?P<origin>[^\[]*)")
_APK_LINE = re.compile(r"^(?P<name>.+?)-(?P<old>\d\S*) +(?P<new>\d\S*)")
_ENTRY = re.compile(r"^[\w.+-]+ \((?P<version>[^)]+)\) [^;]*;")
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")


class CannotAsk(Exception):
    """The package lists cannot be had, or not all of them; the message says why."""

    def __init__(self, reason: str, found: tuple[Pending, ...] = ()) -> None:
        super().__init__(reason)
        self.found = found
        """What the lists that could be had offer."""


async def pending_updates(runner: Runner, image: str, distro: Distro | None, run: str) -> tuple[Pending, ...]:
    """What is newer in the lists of the distribution that an image is made of, asked in a container that is then removed.

    It needs the network that the engine gives containers. Severities are not in these lists.

    Raises:
        CannotAsk: the image has no package manager that is known, or the lists could not be fetched.
    """
    scripts = {"debian": _APT, "ubuntu": _APT, "alpine": _APK}
    script = scripts.get(distro.id if distro else "")
    if script is None:
        raise CannotAsk(f"the updates of {distro or 'an image without os-release'} cannot be asked for")
    command = argv.run_once(image, run, entrypoint="/bin/sh", arguments=("-c", script), network="bridge")
    try:
        completed = await runner.run(command, timeout=_SECONDS)
    except TimeoutError as error:
        raise CannotAsk(f"the package lists did not come within {_SECONDS} s") from error
    if completed.code != 0:
        detail = next(iter(completed.stderr.strip().splitlines()[-1:]), "no reason given")
        raise CannotAsk(f"the package lists could not be asked: {detail[:200]}")
    text = completed.stdout.decode("utf-8", "replace")
    if ("=changelogs\n" if script is _APT else "=unknown\n") not in text:
        raise CannotAsk("the answer of the package manager broke off")
    if script is _APT:
        return tuple(_apt(text))
    offered, _, unknown = text.partition("=unknown\n")
    found, names = tuple(_apk(offered)), unknown.split()
    if names:
        told = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        raise CannotAsk(f"{len(names)} packages are in none of the image's repositories ({told})", found)
    return found


def _apt(text: str) -> Iterator[Pending]:
    upgrades, _, rest = text.partition("=changelogs\n")
    logs = _changelogs(rest)
    for line in upgrades.splitlines():
        match = _APT_LINE.match(line)
        if match:
            ids = _between(logs.get(match["name"].partition(":")[0], ""), match["old"])
            yield Pending(match["name"], match["old"], match["new"], "security" in match["origin"].lower(), ids)


def _changelogs(text: str) -> Mapping[str, str]:
    parts = re.split(r"^=package (\S+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=False))


def _between(changelog: str, installed: str) -> tuple[str, ...]:
    """The CVE numbers in the entries of a changelog that are newer than what is installed."""
    found: dict[str, None] = {}
    for line in changelog.splitlines():
        entry = _ENTRY.match(line)
        if entry and not _newer(entry["version"], installed):
            break
        found.update(dict.fromkeys(_CVE.findall(line)))
    return tuple(sorted(found))


def _newer(version: str, installed: str) -> bool:
    """Whether a changelog's entry is above the installed version; rebuilds of a binary (`+b1`) have no entry of their own."""
    plain = re.sub(r"\+b\d+$", "", installed)
    try:
        return read_version("Debian", plain) < read_version("Debian", version)
    except UnreadableVersion:
        return False


def _apk(text: str) -> Iterator[Pending]:
    for line in text.splitlines():
        match = _APK_LINE.match(line.strip())
        if match:
            yield Pending(match["name"], match["old"], match["new"], security=False, ids=())
