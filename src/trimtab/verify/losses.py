"""What a large change has taken away that somebody still asks for.

A fix may declare that packages leave, or that the image stands on another base. Then most of its file tree may differ, and
what matters is whether anything that is left still names what has gone: programs, libraries opened by name, modules, and the
data that programs find by convention.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trimtab.docker import ImageTree
from trimtab.syntax.shell import parse_shell
from trimtab.verify.evidence import Difference

_PROGRAM_FOLDERS = frozenset(f"{prefix}/{folder}" for prefix in ("", "/usr", "/usr/local") for folder in ("bin", "sbin"))
_INSTALLERS = re.compile(
    r"^(pip|pip3|pip3?\.\d+|easy_install.*|wheel|idle.*|pydoc.*|2to3.*|python.*-config|corepack|yarn|yarnpkg|npm|npx|distro|normalizer)$"
)
"""Programs that come with a runtime and only build or install."""
_LIBRARY = re.compile(r"^lib(?P<stem>[\w+.-]+?)\.so(?:\.[\d.]+)?$")
_LANGUAGE_MODULE = re.compile(r"/(?:site|dist)-packages/(?P<module>[A-Za-z_]\w*)(?:/|\.py$|\.[\w.-]+\.so$)")
_NODE_MODULE = re.compile(r"/node_modules/(?P<module>(?:@[^/]+/)?[^/]+)/")
_STARTS_PROCESSES = re.compile(r"subprocess|Popen|os\.(?:system|popen|exec|spawn)|child_process|execa|which\(|shutil|sh\.")
_QUOTED = re.compile(r"[\"'`](?:[\w./-]*/)?([\w.+-]+)(?=[\"'`\s])")
_OPENED = rb"(?:find_library|dlopen|LoadLibrary|ffi\.load|Library)\(\s*[\"'](?:lib)?"
_STRING = re.compile(r"[\"'`]([^\"'`\n]{3,200})[\"'`]")
_LANGUAGE_FILE = re.compile(
    r"/node_modules/|/(?:site|dist)-packages/|/__pycache__/|\.pyc$|^/root/\.(?:cache|npm)/|^/tmp/|^/var/"
)
_OF_RUNTIMES = frozenset({"pip pip", "pip setuptools", "pip wheel", "npm npm", "npm corepack"})
_NAMED_LIBRARY = re.compile(rb"\blib([A-Za-z0-9_+.-]{1,64}?)\.so\b")
_OPENED_LIBRARY = re.compile(_OPENED + rb"([\w+.-]+?)[\"'.]")
_OPENERS = (b"find_library", b"dlopen", b"Library(", b"ffi.load")
_SCRIPTS = (".sh", ".bash", ".cron")
_CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".pl")
_DATA: Mapping[str, tuple[str, str]] = {
    "time zones": (
        r"^/usr/share/zoneinfo/.",
        r"zoneinfo|ZoneInfo|\bTZ\b|pytz|dateutil|tzset|astimezone|strftime",
    ),
    "certificate bundle": (
        r"^/etc/ssl/certs/ca-certificates\.crt$|^/etc/pki/tls/certs/ca-bundle\.crt$|^/etc/ssl/cert\.pem$",
        r"https|ssl|tls|requests|urllib|httpx|aiohttp|fetch\(|curl|wget|certifi|ca-certificates",
    ),
    "character sets": (r"/gconv/gconv-modules", r"iconv|codecs|encoding"),
    "fonts": (r"^/usr/share/fonts/.*\.(?:ttf|otf|pfb)$", r"font|\.ttf|canvas|ImageDraw|matplotlib|pdf"),
    "terminal descriptions": (r"^/(?:usr/share|lib|usr/lib)/terminfo/.", r"curses|terminfo|\btput\b|readline"),
    "media types": (r"^/etc/mime\.types$", r"mime|http\.server|RequestHandler|StaticFiles|FileResponse|send_f|express\.static"),
    "network services": (r"^/etc/services$", r"getserv|getaddrinfo|/etc/services|getprotobyname"),
    "dictionaries": (r"^/usr/share/(?:dict|hunspell|myspell)/.|^/usr/lib/aspell/.", r"spell|dict"),
}
"""Data that programs find by convention: the paths, and how own code that asks for them looks."""
_LOCALE = re.compile(r"^/usr/lib/locale/(?P<name>[^/]+)")
_CAPABILITY = "security.capability"


@dataclass(frozen=True)
class Losses:
    """Compares what two images offer, and looks for who asks for what has gone."""

    before: ImageTree
    after: ImageTree
    own: Mapping[str, str]
    """The text of the service's own files by their path in the image."""
    another_base: bool
    upgrades: Mapping[str, str] = field(default_factory=dict[str, str])
    """Packages of a language that are declared to have another version afterwards."""
    asked: frozenset[str] = frozenset()
    """System packages that the original asks for by name."""
    done_with: frozenset[str] = frozenset()
    """Programs that only building called, or only what the rewrite has changed."""
    base: ImageTree | None = None
    """The image that the original starts from: what a language's packages are there need not be elsewhere."""

    def differences(self) -> Iterator[Difference]:
        """Everything that is gone and asked for; nothing of it can be explained."""
        yield from self._programs()
        yield from self._own_libraries()
        yield from self._modules()
        yield from self._data()
        yield from self._recommended()
        yield from self._named()
        yield from self._linked()
        yield from self._files()
        yield from self._privileges()

    @cached_property
    def gone_libraries(self) -> dict[str, str]:
        """File names of shared libraries that are gone, with the stem that `dlopen` by name would use."""
        old, new = (_named(tree, _LIBRARY) for tree in (self.before, self.after))
        return {name: old[name] for name in sorted(old.keys() - new.keys()) if old[name] not in set(new.values())}

    @cached_property
    def _gone_programs(self) -> dict[str, str]:
        """Names of programs that are gone, with the path they had."""
        new = _programs(self.after)
        return {name: path for name, path in sorted(_programs(self.before).items()) if name not in new}

    def _programs(self) -> Iterator[Difference]:
        for name, path in self._gone_programs.items():
            user = next((file for file, names in self._called.items() if name in names), None)
            if user:
                yield Difference(f"program {name}", "there", f"gone, and {user} calls it")
            elif self.another_base and path.startswith("/usr/local/") and self._is_own(path) and not _INSTALLERS.match(name):
                yield Difference(f"program {name}", "there", "gone")

    def _is_own(self, path: str) -> bool:
        """Whether neither the base nor a package has brought a path."""
        packaged = any(path in paths for paths in self.before.owners.values())
        return not packaged and (self.base is None or path not in self.base.entries)

    @cached_property
    def _called(self) -> dict[str, frozenset[str]]:
        """What each of the service's own files may start: the commands of scripts, and quoted words of code that starts any."""
        found: dict[str, frozenset[str]] = {}
        for path, text in self.own.items():
            if path.endswith(_CODE):
                found[path] = frozenset(_QUOTED.findall(text) if _STARTS_PROCESSES.search(text) else ())
            elif path.endswith(_SCRIPTS) or text.startswith("#!") or "cron" in path:
                found[path] = frozenset(_shell_words(text))
        return found

    def _own_libraries(self) -> Iterator[Difference]:
        opened = {path: opened_libraries(text.encode("utf-8", "replace")) for path, text in self.own.items()}
        for name, stem in self.gone_libraries.items():
            user = next((path for path, stems in opened.items() if stem in stems), None)
            if user:
                yield Difference(f"library {name}", "there", f"gone, and {user} opens it")

    def _modules(self) -> Iterator[Difference]:
        for kind, pattern, asks in (("module", _LANGUAGE_MODULE, _imports), ("package", _NODE_MODULE, _requires)):
            gone = _matched(self.before, pattern) - _matched(self.after, pattern)
            # What was left in a build stage imports nothing any more.
            there = {path: text for path, text in self.own.items() if path in self.after.entries}
            asked = {name: path for path, text in there.items() for name in asks(path, text)}
            for name in sorted(gone & asked.keys()):
                yield Difference(f"{kind} {name}", "there", f"gone, and {asked[name]} imports it")
        yield from self._libraries()

    def _libraries(self) -> Iterator[Difference]:
        """A language's packages keep their versions; on another base all that the service installed have to be there."""
        new = {_any_platform(name): version for name, version in self.after.libraries.items()}
        of_base: Mapping[str, str] = self.base.libraries if self.base else {}
        for name, version in self.before.libraries.items():
            kept = new.get(_any_platform(name))
            if kept is not None and (_public(kept) == _public(version) or self.upgrades.get(name) == kept):
                continue
            if name in _OF_RUNTIMES or of_base.get(name) == version or (kept is None and not self.another_base):
                continue
            if kept is None or not set(kept.split(", ")) & set(version.split(", ")):
                yield Difference(f"package {name}", version, kept or "gone")

    def _data(self) -> Iterator[Difference]:
        """Data that is gone as a whole and that somebody may ask for: own code, or any package of a language."""
        others = bool(set(self.before.libraries) - set(self.base.libraries if self.base else {}) - _OF_RUNTIMES)
        for name, (paths, asked) in _DATA.items():
            pattern, asks = re.compile(paths), re.compile(asked)
            if _any(self.before, pattern) and not _any(self.after, pattern):
                user = next((path for path, text in self.own.items() if asks.search(text)), None)
                if user or others:
                    yield Difference(name, "there", f"gone, and {user or 'an installed package'} may ask for it")
        for name in sorted(_matched(self.before, _LOCALE, "name") - _matched(self.after, _LOCALE, "name")):
            yield Difference(f"locale {name}", "there", "gone")

    def _recommended(self) -> Iterator[Difference]:
        """Packages that are gone though a program that the service calls comes with them as a matter of course."""
        gone = self.before.packages.keys() - self.after.packages.keys()
        called = {name: path for path, names in self._called.items() for name in names}
        for package, names in self.after.recommends.items():
            programs = {posixpath.basename(path) for path in self.after.owners.get(package, ()) if "bin/" in path}
            for name in sorted(gone & names if programs & called.keys() else ()):
                user = next(called[program] for program in sorted(programs & called.keys()))
                yield Difference(f"package {name}", "there", f"gone, and {package}, which {user} calls, recommends it")

    def _named(self) -> Iterator[Difference]:
        """Packages that the Dockerfile asks for by name: they are gone for good only where building alone needs them."""
        for name in sorted(self.asked & (self.before.packages.keys() - self.after.packages.keys())):
            programs = {posixpath.basename(path) for path in self.before.owners.get(name, ()) if "bin/" in path}
            if not programs & self.done_with:
                yield Difference(f"package {name}", "asked for by name", "gone")

    def _linked(self) -> Iterator[Difference]:
        """Libraries of no package that the linker's cache knew, and does not know any more though they are there."""
        owned = {posixpath.basename(path) for paths in self.before.owners.values() for path in paths}
        known = self.base.linkable if self.base else frozenset[str]()
        there = {posixpath.basename(path) for path in self.after.entries}
        for name in sorted((self.before.linkable - self.after.linkable - known - owned) & there):
            yield Difference(f"library {name}", "known to the linker", "not known: its cache was made without it")

    def _files(self) -> Iterator[Difference]:
        """Files outside of packages that are gone and whose names one of the service's own files holds in quotes."""
        owned = frozenset(path for paths in self.before.owners.values() for path in paths)
        known: Mapping[str, object] = self.base.entries if self.base else {}
        for path, entry in sorted(self.before.entries.items()):
            gone = path not in self.after.entries and path not in owned and path not in known
            if gone and entry.kind in {"file", "dir"} and not _LANGUAGE_FILE.search(path):
                name = posixpath.basename(path)
                user = next((file for file, names in self._quoted.items() if name in names and file != path), None)
                if user:
                    yield Difference(path, "there", f"gone, and {user} names it")

    @cached_property
    def _quoted(self) -> dict[str, frozenset[str]]:
        """Words and last parts of paths that stand in quotes in own code that is still there."""
        kept = {
            path: text for path, text in self.own.items() if path.endswith((*_CODE, *_SCRIPTS)) and path in self.after.entries
        }
        return {
            path: frozenset(part for quoted in _STRING.findall(text) for part in re.split(r"[/\s]", quoted) if len(part) > 2)
            for path, text in kept.items()
        }

    def _privileges(self) -> Iterator[Difference]:
        for path, entry in sorted(self.before.entries.items()):
            now = self.after.entries.get(path)
            if now is None or now.kind != "file":
                continue
            if any(name == _CAPABILITY for name, _ in entry.xattrs) and now.xattrs != entry.xattrs:
                yield Difference(f"capabilities of {path}", "set", "not the same")
            if entry.mode & 0o6000 & ~now.mode:
                yield Difference(f"set-user-id of {path}", f"{entry.mode:o}", f"{now.mode:o}")


def _named(tree: ImageTree, pattern: "re.Pattern[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for path, entry in tree.entries.items():
        match = pattern.match(posixpath.basename(path)) if entry.kind in {"file", "link"} and ".so" in path else None
        if match:
            found[posixpath.basename(path)] = match["stem"]
    return found


def _programs(tree: ImageTree) -> dict[str, str]:
    return {
        posixpath.basename(path): path
        for path, entry in tree.entries.items()
        if posixpath.dirname(path) in _PROGRAM_FOLDERS and (entry.executable or entry.kind == "link")
    }


def _matched(tree: ImageTree, pattern: "re.Pattern[str]", group: str = "module") -> set[str]:
    return {match[group] for path in tree.entries if (match := pattern.search(path))}


def _any(tree: ImageTree, pattern: "re.Pattern[str]") -> bool:
    return any(pattern.search(path) for path in tree.entries)


def _public(version: str) -> str:
    """A version without its local part: `2.1+cpu` is `2.1` built for something else."""
    return version.partition("+")[0]


def _any_platform(name: str) -> str:
    return re.sub(r"-linux(musl)?-(x64|arm64)(-gnu|-musl)?$", "", name)


def _shell_words(text: str) -> Iterator[str]:
    """The programs that a script calls. In a crontab the command stands behind five or six fields."""
    lines = [re.sub(r"^\s*(?:[\d*/,-]+\s+){5}", "", line) for line in text.splitlines()]
    for command in parse_shell("\n".join(lines)).commands:
        yield from (posixpath.basename(word) for word in command.words)


def _imports(path: str, text: str) -> Iterator[str]:
    if path.endswith(".py"):
        yield from re.findall(r"^\s*(?:import|from)\s+([A-Za-z_]\w*)", text, re.MULTILINE)
        yield from re.findall(r"(?:import_module|__import__)\(\s*[\"']([A-Za-z_]\w*)", text)


def _requires(path: str, text: str) -> Iterator[str]:
    if path.endswith((".js", ".mjs", ".cjs", ".ts")):
        yield from re.findall(r"(?:require|import)\(\s*[\"'`]((?:@[\w.-]+/)?[\w.-]+)", text)
        yield from re.findall(r"^\s*(?:import|export)\b[^;\n]*?[\"']((?:@[\w.-]+/)?[\w.-]+)", text, re.MULTILINE)


_NEVER_RUN = (
    ".template", ".build", ".cmake", ".in", ".am", ".ac", ".m4", ".pc", ".la", ".txt", ".md", ".rst", ".html", ".h", ".hpp",
    ".c", ".cc", ".cpp", ".f", ".f90", ".pyx", ".pxd", ".pyi", ".map",
)  # fmt: skip
"""Ends of names of files that are for building or reading: what they name is not opened when the service runs. numpy's
`meson.build.template` names `quadmath`."""


_ABOUT_PACKAGES = (".dist-info/", ".egg-info/")
"""Folders of what Python packages say of themselves: threadpoolctl's description names `libgomp.so`."""


def may_open(path: str) -> bool:
    """Whether a file may be one that opens a library by its name, and not only one that speaks of it."""
    return not path.endswith(_NEVER_RUN) and not any(folder in path for folder in _ABOUT_PACKAGES)


def opened_libraries(content: bytes) -> set[str]:
    """The stems of all libraries that a file names as one opens them: `libmagic.so`, `find_library("magic")`.

    One pass with two patterns, whatever is looked for: a pattern for each of some dozen libraries took minutes on an image
    of a gigabyte.
    """
    found = set(_NAMED_LIBRARY.findall(content))
    if any(word in content for word in _OPENERS):
        found.update(_OPENED_LIBRARY.findall(content))
    return {stem.decode() for stem in found}
