"""The files that run when an image starts: those its start command names, those these name, and those that inits look for."""

import posixpath
import re
from collections.abc import Iterable, Iterator

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction

_WORD = re.compile(r"\w[\w.-]*")
_SCRIPT = re.compile(r".*\.(?:sh|bash|ash|zsh|py|pl|rb|mk)|[^.]+")
_LOOKED_FOR = re.compile(
    r"/etc/(?:my_init\.d|cont-init\.d|services\.d|service|s6-overlay|s6|runit|init\.d|init|entrypoint\.d|profile\.d|periodic)/"
    r"|/etc/(?:cron[^/]*(?:/|$)|rc\.local$|profile$|bash\.bashrc$)|/(?:docker-?)?entrypoint[^/]*\.d/|/custom-(?:cont-init|services)\.d/"
    r"|/var/spool/cron/|/\.(?:bashrc|bash_profile|profile|zshrc)$"
)
"""Where init systems, shells and the entrypoints of common bases look for scripts that nobody names."""
_TOLD_BY_FILES = (
    (re.compile(r"\bg?make\b"), re.compile(r"(?i)(?:gnu)?makefile|.*\.mk")),
    (re.compile(r"\bsupervisord\b"), re.compile(r".*\.(?:conf|ini)")),
    (re.compile(r"\b(?:foreman|honcho|overmind|goreman|hivemind|forego)\b"), re.compile(r"Procfile.*")),
    (re.compile(r"\bjust\b"), re.compile(r"(?i)\.?justfile")),
    (re.compile(r"\btask\b"), re.compile(r"(?i)taskfile\.ya?ml")),
    (re.compile(r"\bair\b"), re.compile(r"\.air\.toml")),
)
"""By what a text says: the files, by name, that tell such a program what to start."""
_EVERY = re.compile(r"\brun-parts\b|\bfor \w+ in [^;\n]*\*|-exec\b|\bxargs\b")
"""What starts scripts without naming them."""
_MOST = 50


def started_scripts(facts: Facts, stage: Stage, instruction: Instruction) -> Iterator[str]:
    """The texts of the copied files that a start command names, and of those that they name in turn."""
    yield from started_by(facts, stage, instruction.json or tuple(instruction.arguments.split()))


def started_by(facts: Facts, stage: Stage, words: Iterable[str]) -> Iterator[str]:
    """The texts of the copied files that some words name, and of those that they name in turn."""
    said = tuple(words)
    for context in facts.contexts:
        files = CopiedFiles.of(facts.lineage(stage), context)
        named = {posixpath.normpath(posixpath.join(stage.end.workdir, word)) for text in said for word in text.split()}
        texts = [text for path in sorted(named) if (text := files.read(path)) is not None]
        yield from texts
        yield from reached(files, [" ".join(said), *texts])


def looked_for(facts: Facts, stage: Stage) -> Iterator[str]:
    """The texts of the copied files that stand where an init or a shell looks, and of those that they name."""
    for context in facts.contexts:
        files = CopiedFiles.of(facts.lineage(stage), context)
        texts = [files.read(path) or "" for path in sorted(files.paths) if _LOOKED_FOR.search(path)]
        yield from texts
        yield from reached(files, texts[:_MOST])


def reached(files: CopiedFiles, texts: list[str]) -> Iterator[str]:
    """The texts of the scripts whose names occur in some texts, of those whose names occur in these, and so on."""
    by_name: dict[str, list[str]] = {}
    for path in files.paths:
        by_name.setdefault(posixpath.basename(path), []).append(path)
    scripts = {name: paths for name, paths in by_name.items() if _SCRIPT.fullmatch(name)}
    pending, seen = list(texts), set[str]()
    while pending:
        text = pending.pop()
        told = {name for said, files_of in _TOLD_BY_FILES if said.search(text) for name in by_name if files_of.fullmatch(name)}
        named = scripts.keys() if _EVERY.search(text) else set(_WORD.findall(text)) & scripts.keys()
        for name in sorted((told | named) - seen):
            seen.add(name)
            found = [files.read(path) or "" for path in by_name[name][:3]] if len(seen) < _MOST else []
            scripts_of = [each for each in found if "." in name or name in told or each.startswith("#!")]
            yield from scripts_of
            pending += scripts_of
