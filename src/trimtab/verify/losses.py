"""What a large change has taken away that somebody still asks for.

A fix may declare that packages leave, or that the image stands on another base. Then most of its file tree may differ, and
what matters is whether anything that is left still names what has gone: programs, libraries opened by name, modules, and the
data that programs find by convention.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
_SCRIPTS = (".sh", ".bash", ".cron")
_CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".pl")
_DATA = {
    "time zones": re.compile(r"^/usr/share/zoneinfo/."),
    "certificate bundle": re.compile(
        r"^/etc/ssl/certs/ca-certificates\.crt$|^/etc/pki/tls/certs/ca-bundle\.crt$|^/etc/ssl/cert\.pem$"
    ),
    "character sets": re.compile(r"/gconv/gconv-modules"),
    "fonts": re.compile(r"^/usr/share/fonts/.*\.(?:ttf|otf|pfb)$"),
    "terminal descriptions": re.compile(r"^/(?:usr/share|lib|usr/lib)/terminfo/."),
    "media types": re.compile(r"^/etc/mime\.types$"),
}
_LOCALE = re.compile(r"^/usr/lib/locale/(?P<name>[^/]+)")
_CAPABILITY = "security.capability"


@dataclass(frozen=True)
class Losses:
    """Compares what two images offer, and looks for who asks for what has gone."""

    before: ImageTree
    after: ImageTree
    own: Mapping[str, str]
    """The text of the service's own files by their path in the image."""
    started: frozenset[str]
    """Names of the programs that the image is started and checked with."""
    another_base: bool

    def differences(self) -> Iterator[Difference]:
        """Everything that is gone and asked for; nothing of it can be explained."""
        yield from self._programs()
        yield from self._own_libraries()
        yield from self._modules()
        yield from self._data()
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
        owned = frozenset(path for paths in self.before.owners.values() for path in paths)
        for name, path in self._gone_programs.items():
            if name in self.started:
                yield Difference(f"program {name}", "there", "gone, and the image is started or checked with it")
                continue
            user = next((file for file, names in self._called.items() if name in names), None)
            if user:
                yield Difference(f"program {name}", "there", f"gone, and {user} calls it")
            elif self.another_base and path.startswith("/usr/local/") and path not in owned and not _INSTALLERS.match(name):
                yield Difference(f"program {name}", "there", "gone")

    @cached_property
    def _called(self) -> dict[str, frozenset[str]]:
        """What each of the service's own files may start: the commands of scripts, and quoted words of code that starts any."""
        found: dict[str, frozenset[str]] = {}
        for path, text in self.own.items():
            if path.endswith(_CODE):
                words = (
                    re.findall(r"[\"'`](?:[\w./-]*/)?([\w.+-]+)(?=[\"'`\s])", text) if _STARTS_PROCESSES.search(text) else []
                )
                found[path] = frozenset(words)
            elif path.endswith(_SCRIPTS) or text.startswith("#!") or "cron" in path:
                found[path] = frozenset(_shell_words(text))
        return found

    def _own_libraries(self) -> Iterator[Difference]:
        for name in self.gone_libraries:
            pattern = library_pattern(name)
            user = next((path for path, text in self.own.items() if pattern.search(text.encode("utf-8", "replace"))), None)
            if user:
                yield Difference(f"library {name}", "there", f"gone, and {user} opens it")

    def _modules(self) -> Iterator[Difference]:
        for kind, pattern, asks in (("module", _LANGUAGE_MODULE, _imports), ("package", _NODE_MODULE, _requires)):
            gone = _matched(self.before, pattern) - _matched(self.after, pattern)
            asked = {name: path for path, text in self.own.items() for name in asks(path, text)}
            for name in sorted(gone & asked.keys()):
                yield Difference(f"{kind} {name}", "there", f"gone, and {asked[name]} imports it")
        if self.another_base:
            yield from self._libraries()

    def _libraries(self) -> Iterator[Difference]:
        """On another base every package of a language has to be there in the version it had."""
        new = {_any_platform(name): version for name, version in self.after.libraries.items()}
        for name, version in self.before.libraries.items():
            kept = new.get(_any_platform(name))
            if kept != version and name.partition(" ")[2] not in {"pip", "setuptools", "wheel", "npm", "corepack"}:
                yield Difference(f"package {name}", version, kept or "gone")

    def _data(self) -> Iterator[Difference]:
        for name, pattern in _DATA.items():
            if _any(self.before, pattern) and not _any(self.after, pattern):
                yield Difference(name, "there", "gone")
        for name in sorted(_matched(self.before, _LOCALE, "name") - _matched(self.after, _LOCALE, "name")):
            yield Difference(f"locale {name}", "there", "gone")

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


def library_pattern(name: str) -> "re.Pattern[bytes]":
    """How code opens a shared library by name: by its file's name, or by `ctypes.util.find_library` of its stem."""
    match = _LIBRARY.match(name)
    stem = re.escape((match["stem"] if match else name).encode())
    return re.compile(rb"\blib" + stem + rb"\.so\b|" + _OPENED + stem + rb"[\"'.]")


def any_library_pattern(names: Iterable[str]) -> "re.Pattern[bytes] | None":
    """One pattern for several libraries; None for none."""
    parts = [library_pattern(name).pattern for name in names]
    return re.compile(b"|".join(parts)) if parts else None
