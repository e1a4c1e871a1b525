"""What the RUN instructions of Dockerfiles install by name: with every package manager that is known by its words."""

import re
import shlex
from collections.abc import Iterator, Mapping

from trimtab.fleet import FleetFile
from trimtab.fleet.installs import Install, is_local_package, program_words, read_install
from trimtab.fleet.stage import Run
from trimtab.scan.locks import requirement_packages
from trimtab.scan.packages import Package
from trimtab.syntax.shell import Command, Script, parse_shell

_SH = re.compile(r"(?:^|/)(?:sh|bash|ash|dash|ksh|zsh)$")
_KINDS: Mapping[str, str] = {
    "pip": "pypi", "uv": "pypi", "npm": "npm", "yarn": "npm", "pnpm": "npm",
    "apt": "deb", "apk": "apk", "go": "golang", "cargo": "cargo",
}  # fmt: skip
"""The kind of a manager's packages. Of those of the second line a Dockerfile alone says too little to look them up: not the
release of a distribution, nor the module."""
_BUILDERS = {"go": {"install", "get"}, "cargo": {"install"}}
"""The verbs of those that also build what is there: the words behind other verbs are the fleet's own files and targets."""
_OTHERS: Mapping[str, tuple[str, str]] = {
    "gem": ("gem", "install|i"), "composer": ("composer", "require|global require|create-project"),
    "npm": ("npm", "add"), "yarn": ("npm", "add|global add"), "pnpm": ("npm", "add"), "bun": ("npm", "add|install|i"),
    "pipx": ("pypi", "install"), "uv": ("pypi", "tool install|add"), "poetry": ("pypi", "add"), "easy_install": ("pypi", ""),
    "dnf": ("rpm", "install|upgrade|update"), "yum": ("rpm", "install|upgrade|update"),
    "microdnf": ("rpm", "install|upgrade|update"), "tdnf": ("rpm", "install|upgrade|update"), "zypper": ("rpm", "install|in"),
    "pacman": ("alpm", "-S|-Sy|-Syu"),
    "aptitude": ("deb", "install"), "conda": ("conda", "install|create"), "mamba": ("conda", "install|create"),
    "micromamba": ("conda", "install|create"), "dotnet": ("nuget", "tool install|add package"), "cpan": ("cpan", ""),
    "cpanm": ("cpan", ""), "pecl": ("pecl", "install"), "pear": ("pear", "install"), "luarocks": ("luarocks", "install"),
    "opam": ("opam", "install"), "cabal": ("hackage", "install"), "stack": ("hackage", "install"), "brew": ("brew", "install"),
    "snap": ("snap", "install"), "deno": ("deno", "install"), "mix": ("hex", "archive.install"),
    "install2.r": ("cran", ""), "rpm": ("rpm", "-i|-ivh|-Uvh|-U|--install"), "dpkg": ("deb", "-i|--install"),
}  # fmt: skip
"""Programs that install and of whose caches no rule speaks, to the kind of their packages and the verbs that install."""
_OPTIONS_WITH_VALUE = frozenset({
    "-v", "--version", "-n", "--name", "-c", "--channel", "-i", "--install-dir", "--bindir", "-p", "--prefix", "--source", "-s",
    "--platform", "--python", "--tool-path", "--group", "-G", "--working-dir", "-d", "--root", "--repo", "--enablerepo",
})  # fmt: skip
_EXACT: Mapping[str, re.Pattern[str]] = {
    "gem": re.compile(r"^(?P<name>[^:]+):(?P<version>\d[\w.]*)$"),
    "composer": re.compile(r"^(?P<name>[^:=]+)[:=](?P<version>v?\d[\w.]*)$"),
}  # fmt: skip
_R = re.compile(r"install\.packages|install_github|install_version|BiocManager::install|pak::pkg_install|Pkg\.add")


def dockerfile_installs(file: FleetFile) -> Iterator[Package]:
    """Packages by name, with a version where it is an exact one of a kind whose advisories go by that."""
    for run in (run for stage in file.stages for run in stage.runs):
        for command in _script(run).commands:
            install = read_install(command)
            if install is not None:
                yield from _by_manager(install)
            yield from _by_words(command)


def unread_runs(file: FleetFile) -> str | None:
    """Why some of a file's RUN instructions may install what nobody has seen; None when all can be read."""
    runs = [run for stage in file.stages for run in stage.runs]
    lines = [str(run.instruction.start_line) for run in runs if _is_unread(run)]
    return f"what the RUN of line {', '.join(lines)} installs cannot be read" if lines else None


def _is_unread(run: Run) -> bool:
    shell = run.state.shell
    foreign = run.instruction.json is None and bool(shell) and _SH.search(shell[0]) is None
    return foreign or _script(run).broken


def _script(run: Run) -> Script:
    """The commands, those of the exec form included: `["/bin/sh", "-c", "…"]` and the words of a program."""
    words = run.instruction.json
    if words is None:
        return run.script
    if len(words) > 2 and _SH.search(words[0]) and re.fullmatch(r"-\w*c", words[-2]):
        return parse_shell(words[-1])
    return parse_shell(shlex.join(words))


def _by_manager(install: Install) -> Iterator[Package]:
    manager, words = install.manager.name, [word for word in install.arguments if not word.startswith("-")]
    if manager not in _BUILDERS or (words and words[0] in _BUILDERS[manager]):
        kind = _KINDS.get(manager)
        yield from (package for name in install.packages if kind and (package := _package(kind, name)))


def _of_npm(text: str) -> Package | None:
    if ":" in text:
        # Not named: an address may hold a credential.
        return Package("npm", "an address", "")
    name, _, version = text.rpartition("@")
    exact = re.fullmatch(r"\d+\.\d+\.\d+\S*", version) is not None
    return Package("npm", name or text, version if exact else "") if re.match(r"@?[a-z]", text) else None


def _only_named(kind: str, text: str) -> Package | None:
    if "://" in text:
        return Package(kind, "an address", "")
    # Cargo's `--version 1.2.3` is no name.
    return None if text[:1].isdigit() else Package(kind, re.split(r"[=@<>~]", text)[0] or text, "")


def _by_words(command: Command) -> Iterator[Package]:
    words = program_words(command)
    kind, verbs = _OTHERS.get(words[0] if words else "", ("", ""))
    if kind:
        rest = next(
            (words[1 + at :] for verb in verbs.split("|") if (at := _behind(words[1:], verb.split())) is not None), None
        )
        if rest is not None:
            yield from _of_kind(kind, rest)
    elif words and words[0] in {"R", "Rscript", "julia"} and _R.search(" ".join(words)):
        yield Package("cran" if words[0] != "julia" else "julia", "an expression", "")


def _behind(words: tuple[str, ...], verb: list[str]) -> int | None:
    """How many words stand before what a verb is about; None where it is another verb. Options may stand before it."""
    start = next((number for number, word in enumerate(words) if not word.startswith("-") or word in verb), len(words))
    return start + len(verb) if list(words[start : start + len(verb)]) == verb else None


def _of_kind(kind: str, words: tuple[str, ...]) -> Iterator[Package]:
    """The packages among the words behind an install; a version as an option is that of a gem."""
    names: list[str] = []
    version = ""
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        if before in {"-v", "--version"}:
            version = word
        elif word.startswith("--version="):
            version = word.partition("=")[2]
        elif not word.startswith("-") and before not in _OPTIONS_WITH_VALUE:
            names.append(word)
    yield from (package for name in names if (package := _package(kind, name, version)))


def _package(kind: str, text: str, version: str = "") -> Package | None:
    """What an install names, None for what is there already: a path. `version` is what an option says of all of them."""
    if text.startswith((".", "/", "file:")):
        return None
    if kind == "npm":
        return _of_npm(text)
    if kind == "pypi":
        return None if is_local_package(text) else next(requirement_packages(text), None)
    exact = _EXACT[kind].match(text) if kind in _EXACT else None
    if exact is not None:
        return Package(kind, exact["name"], exact["version"].removeprefix("v"))
    if kind == "gem" and re.fullmatch(r"\d[\w.]*", version) and "://" not in text:
        return Package(kind, text, version)
    return _only_named(kind, text.partition(":")[0] if kind in _EXACT and "://" not in text else text)
