"""Where a stage's package managers keep their caches, and the mounts that hold them."""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.fleet.bases import read_reference
from trimtab.fleet.compiling import build_tools
from trimtab.fleet.compose.mentions import Mention, is_mentioned
from trimtab.fleet.facts import Facts
from trimtab.fleet.managers import Manager
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import VARIABLE, Run, Stage, libc_of

_MAVEN_ELSEWHERE = re.compile(r"-Dmaven\.repo\.local=|/usr/share/maven/ref/settings-docker\.xml")
"""What moves maven's repository; the settings are those of the official image, for images that hold dependencies."""

_ELSEWHERE = re.compile(
    r"(?:(?<![\w$-])(?:HOME|XDG_CACHE_HOME|\w*_CACHE(?:_DIR|_FOLDER)?|npm_config_cache|PNPM_HOME|CARGO_HOME|GRADLE_USER_HOME)="
    r"|--cache-dir[= ]|--cache-folder[= ]|--store-dir[= ]|\bnpm\b[^;&|\n]* --cache[= ]"
    r"|\bconfig set (?:-\S+ )*(?:cache|cache-folder|store-dir|global\.cache-dir)[= ])(?P<folder>[\"']?[/~$.][^\s;&|]*)"
)
_PROCESSOR = re.compile(r"(?i)arch|platform|cpu|(?<![a-z])arm|amd64|x86|i[36]86|ppc64|s390x|riscv|mips|loong|rpi|raspberry")
"""What tells that an image is there for one processor: `arm32v7/alpine`, `${ARCH}/alpine`."""
_OTHER_HOME = re.compile(
    r"(?i)jupyter|-notebook(?=[:@]|$)|(^|/)linuxserver/|^lscr\.io/|(^|/)(sclorg|rhscl)/|(^|/)ubi\d+/\w+-\d"
)
"""Images that set HOME to a place other than root's: Jupyter's, linuxserver's, Red Hat's builders."""
_ASKS = re.compile(r"\buname -[ma]+\b|--print-arch|\b(?:aarch64|arm64|armhf|armv[67]|ppc64le|s390x|riscv64)\b")
"""What tells that a Dockerfile is there for several processors."""


@dataclass(frozen=True, slots=True)
class CachePlace:
    """The cache folders of one manager for one user."""

    manager: Manager
    targets: tuple[str, ...]
    uid: int
    gid: int
    identity: str
    """What must not be shared with others: the C library, the user."""
    home: str = "/root"

    @property
    def closed_above(self) -> str | None:
        """Why BuildKit is not to make the folder above an unprivileged user's mount, below the home: it makes it root's."""
        above = (posixpath.dirname(target) for target in self.targets if self.uid)
        found = next((each for each in above if is_within(each, self.home) and each != self.home.rstrip("/")), None)
        return f"`{found}` above the mount would be root's, and others may write there" if found else None

    def flags(self, *, per_platform: bool) -> list[str]:
        """`--mount=…` flags, one per folder."""
        return [self._flag(target, number, per_platform) for number, target in enumerate(self.targets)]

    def _flag(self, target: str, number: int, per_platform: bool) -> str:
        name = self.manager.name + ("" if number == 0 else f"-{posixpath.basename(target)}")
        identity = "-".join(part for part in (name, self.identity, "$TARGETARCH" if per_platform else "") if part)
        owner = f",uid={self.uid},gid={self.gid}" if self.uid else ""
        sharing = ",sharing=locked" if self.manager.system or self.manager.one_at_a_time else ""
        return f"--mount=type=cache,id={identity},target={target}{owner}{sharing}"


@dataclass(frozen=True, slots=True)
class UnknownPlace:
    """Why the cache's place cannot be told."""

    reason: str


def cache_place(facts: Facts, stage: Stage, run: Run, manager: Manager) -> CachePlace | UnknownPlace:
    """Where a manager caches for the user that runs a RUN."""
    name = run.state.user or "of the base image"
    user = facts.runs_as(stage, run.state)
    if manager.system:
        targets = tuple(cache.path for cache in manager.caches)
        if manager.name == "apk" and _processor_by_variable(facts, stage):
            return UnknownPlace("a variable says for which processor it installs, and apk names every one's index alike")
        return CachePlace(manager, targets, 0, 0, _distribution(facts, stage, manager))
    if user is None:
        return UnknownPlace(f"the home and numbers of user `{name}` are not known, so the cache's place is not either")
    if user.uid is None or user.home is None:
        return UnknownPlace(f"user `{name}` has no fixed number, and a cache mount needs one to be writable")
    if any("$" in target for target in run.cache_targets()):
        return UnknownPlace("a cache mount's target holds a variable, so what it covers is not known")
    if run.state.env.get("UV_LINK_MODE") == "symlink" and manager.name == "uv":
        return UnknownPlace("`UV_LINK_MODE=symlink` would link the packages into a cache that is not in the image")
    if manager.name == "maven" and any(map(_MAVEN_ELSEWHERE.search, (*run.state.env.values(), run.instruction.logical.text))):
        return UnknownPlace("maven is told to keep its repository elsewhere, and a mount on the usual folder would do nothing")
    home = run.state.env.get("HOME") or user.home
    if user.uid == 0 and home != user.home:
        return UnknownPlace(f"root installs with `HOME={home}`, and what a mount makes there would be root's")
    if user.uid == 0 and "HOME" not in run.state.env and _home_of_base(facts, stage):
        return UnknownPlace("the base is made for another user, and may have set HOME, where root then caches, to its home")
    gid = user.gid if user.gid is not None else user.uid
    targets = tuple(_relocated(facts, stage, cache.resolve(home, run.state.env)) for cache in manager.caches)
    return CachePlace(manager, targets, user.uid, gid, _identity(facts, stage, manager, user.uid), home)


def _home_of_base(facts: Facts, stage: Stage) -> bool:
    """Whether a base may keep another HOME than root's: it has to be switched to root first, or is known to have one.

    Jupyter's images set HOME to their user's home, and pip, run by root, then makes a `.cache` there that is root's.
    """
    base = facts.outside_base(stage)
    if read_reference(base).official or base.startswith("mcr.microsoft.com/"):
        return False
    users = [each.arguments.strip() for one in facts.lineage(stage) for each in one.instructions if each.keyword == "USER"]
    return bool(users and users[0].partition(":")[0] in {"root", "0"}) or bool(_OTHER_HOME.search(base))


def _relocated(facts: Facts, stage: Stage, target: str) -> str:
    """Official rust and golang images set CARGO_HOME and GOPATH, which the Dockerfile does not show."""
    base = facts.outside_base(stage)
    if target.endswith("/.cargo/registry") and re.search(r"(^|/)rust(:|$)", base):
        return "/usr/local/cargo/registry"
    if target.endswith("/go/pkg/mod") and re.search(r"(^|/)golang(:|$)", base):
        return "/go/pkg/mod"
    return target


def _identity(facts: Facts, stage: Stage, manager: Manager, uid: int) -> str:
    owner = str(uid) if uid else ""
    if not manager.native:
        return owner
    libc = facts.libc(stage) or _slug(facts.outside_base(stage))
    shared = not manager.compiles or _cannot_compile(facts, stage)
    private = "" if shared else _slug(f"{facts.file.path.removesuffix('/Dockerfile')}-{stage.index}")
    return "-".join(part for part in (libc, private, owner) if part)


def _cannot_compile(facts: Facts, stage: Stage) -> bool:
    """Whether a stage surely has no compiler.

    Managers keep what they compile in their cache, linked against the libraries of the image that compiled it. Where that
    may happen, the cache is the stage's own: another image would take the result and miss the libraries (measured: uwsgi
    compiled on `python:3.11` with libxml2 does not start on `python:3.11-slim`).
    """
    reference = read_reference(facts.outside_base(stage))
    slim = reference.runtime == "python" and any(word in ("slim", "alpine") for word in re.split(r"[-\d.]+", reference.variant))
    runs = [run for one in facts.lineage(stage) for run in one.runs]
    tools = any(build_tools(install) for run in runs for install in run.installs)
    return slim and not tools


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _distribution(facts: Facts, stage: Stage, manager: Manager) -> str:
    """System packages are named by release, so one cache per family is enough; unknown bases get their own.

    apk names the index of every processor alike, and does not fetch another one's that is not newer than what it has.
    """
    base = facts.outside_base(stage)
    told = [flag for flag in facts.platform_flags(stage) if "$" not in flag]
    apart = manager.name == "apk" and bool(told or _PROCESSOR.search(base))
    return _slug("-".join([base, *told])) if apart or not libc_of(base) else ""


def _processor_by_variable(facts: Facts, stage: Stage) -> bool:
    """Whether arguments of the Dockerfile's own, which `TARGETARCH` does not follow, choose the processor."""
    words = [word.raw for word in facts.lineage(stage)[0].instructions[0].words[:1]]
    if any(VARIABLE.search(raw.rpartition("/")[0] or raw) and _PROCESSOR.search(raw) for raw in words):
        return True
    return any("$" in flag and not re.search(r"(BUILD|TARGET)PLATFORM", flag) for flag in facts.platform_flags(stage))


def per_platform(facts: Facts, stage: Stage, manager: Manager) -> bool:
    """Whether a cache's id has to say the processor: several are built for, or, for apk, anything of the fleet names one."""
    if manager.name != "apk" or facts.several_platforms:
        return facts.built_per_platform(stage)
    if not _ASKS.search(facts.dockerfile.source.text) and not is_mentioned(facts.fleet.tree, Mention.PROCESSORS):
        return False
    return not any("BUILDPLATFORM" in flag for flag in facts.platform_flags(stage))


def kept_elsewhere(run: Run, place: CachePlace) -> str | None:
    """A command line that puts the cache elsewhere, where it would stay in the image once nothing switches it off."""
    if place.manager.system:
        return None
    for match in _ELSEWHERE.finditer(run.instruction.logical.text):
        if not covers(place.targets, match["folder"].strip("\"'")):
            return f"`{match[0].strip()[:50]}` keeps a cache elsewhere than where the mount would be"
    return None


def covers(targets: Sequence[str], folder: str) -> bool:
    """Whether one of the mounts holds a folder: it is the mount's target, or lies below it."""
    return any(is_within(folder, target) for target in targets)
