"""Who still needs the package lists that an `apt-get update` or `apk update` has left in the image."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts, facts_for
from trimtab.fleet.installing_programs import may_install
from trimtab.fleet.installs import program_words
from trimtab.fleet.lists_in_containers import need_in_containers
from trimtab.fleet.model import Fleet, Service
from trimtab.fleet.needed import normal_reference
from trimtab.fleet.stage import Run, Stage
from trimtab.fleet.started_files import looked_for, reached, started_by, started_scripts
from trimtab.syntax.shell import Command

_NAMES_A_MANAGER = re.compile(
    r"\b(apt|apt-get|apt-cache|aptitude|apk|dpkg-checkbuilddeps|mk-build-deps|gdebi|rosdep|install-deps|equivs-build|tasksel)\b"
)
_UPDATES = re.compile(r"\b(apt|apt-get|aptitude|apk)\b[^;&|\n]*\bupdate\b|apk\b[^;&|\n]*(--no-cache|--update|-U)\b")
_ALT = re.compile(r"(?:^|[/_-])(?:base)?alt(?:linux)?(?=[:/.@_-]|$)|pclinuxos")
_PROGRAMS = ("/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin")
_MOST_SCRIPTS = 50


def later_need(facts: Facts, stage: Stage, index: int) -> str | None:
    """What behind an instruction may read the lists it leaves; None where nothing does, or everything updates them itself.

    Scripts are read from the build context; one that cannot be read may do anything.
    """
    return (
        _of_rpm(facts, stage)
        or _need_in_file(facts, stage, index)
        or _need_in_others(facts)
        or (need_in_containers(facts) if facts.libc(stage) != "musl" else None)
    )


def _of_rpm(facts: Facts, stage: Stage) -> str | None:
    """APT-RPM, of ALT Linux, stops where `partial` is missing below its lists or its cache; apt has made it since 0.8."""
    packages = (each for one in facts.lineage(stage) for run in one.runs for i in run.installs for each in i.packages)
    if _ALT.search(facts.outside_base(stage)) or any(each.endswith("-devel") for each in packages):
        return "the apt of systems with RPM does not make the folders that it needs where its lists and archives are"
    return None


def _need_in_others(facts: Facts) -> str | None:
    """What in the Dockerfiles that start from this one's image, or from theirs, may read the lists.

    Each Dockerfile is asked once: where images may have any name, every one of a fleet may start from every other.
    """
    pending = [(facts, "")]
    asked = {facts.file.path}
    while pending:
        image, first = pending.pop()
        for file, stage in image.built_on:
            other, path = facts_for(file, facts.fleet), first or file.path
            if _may_need(other, stage):
                return f"`{path}` may start from this image and install from the lists that it leaves behind"
            if file.path not in asked:
                asked.add(file.path)
                pending.append((other, path))
    return None


def _may_need(facts: Facts, stage: Stage) -> bool:
    """Whether what starts from a stage's base may read its lists; kept, since every image that it may start from asks."""
    key = ("lists needed", facts.file.path, str(stage.index), facts.dockerfile.source.text)
    memo = facts.fleet.tree.memo
    if key not in memo:
        memo[key] = _need_in_file(facts, stage, 0) is not None
    return bool(memo[key])


def _need_in_file(facts: Facts, stage: Stage, index: int) -> str | None:
    for one in facts.descendants(stage):
        said = list(_said_by_services(facts)) if one in facts.final_stages else []
        if any(map(_needs, said)) or any(_needs(text) for text in started_by(facts, one, said)):
            return "a service of this image is started with a command that installs from the lists that this one leaves behind"
        for instruction in one.instructions:
            starts = instruction.keyword in {"CMD", "ENTRYPOINT", "ONBUILD"}
            if starts and (
                _needs(instruction.arguments) or any(_needs(text) for text in started_scripts(facts, one, instruction))
            ):
                return f"line {instruction.start_line} may install from the lists that this one leaves behind"
        starts_by_base = one in facts.final_stages and not any(facts.last(one, word) for word in ("CMD", "ENTRYPOINT"))
        scripts = _copied_scripts(facts, one) if starts_by_base else looked_for(facts, one) if one in facts.final_stages else ()
        if any(map(_needs, scripts)):
            return "a copied script, which the base may start, installs from the lists that this one leaves behind"
        for run in one.runs:
            if one is stage and run.index <= index:
                continue
            text = _said_by(run)
            if _needs(text) or any(_needs(script) for script in run_scripts(facts, one, run)) or may_install(facts, one, run):
                return "a later instruction installs from the lists that this one leaves behind"
    return None


def _said_by(run: Run) -> str:
    """All that a RUN says, with the commands that it takes from variables: `ENV INSTALL="apt-get install -y"`."""
    programs = [re.fullmatch(r"\$\{?(\w+)\}?", "".join(program_words(command)[:1])) for command in run.script.commands]
    commands = [run.state.env.get(name[1], "") for name in programs if name]
    return "\n".join([run.instruction.arguments, *(heredoc.content for heredoc in run.instruction.heredocs), *commands])


def _said_by_services(facts: Facts) -> Iterator[str]:
    """What compose files start in containers of the file's images, built there or not."""
    images = dict.fromkeys(normal_reference(service.image) for service in facts.file.services if service.image)
    alike = [service for image in images for service in _services_by_image(facts.fleet).get(image, ())]
    for service in (*facts.file.services, *alike):
        check = service.healthcheck.test if service.healthcheck else ()
        for said in (service.command, service.entrypoint, check):
            yield said if isinstance(said, str) else " ".join(said or ())


def _services_by_image(fleet: Fleet) -> Mapping[str, Sequence[Service]]:
    key = ("services by image",)
    if key not in fleet.memo:
        found: dict[str, list[Service]] = {}
        for service in fleet.services:
            if service.image:
                found.setdefault(normal_reference(service.image), []).append(service)
        fleet.memo[key] = found
    return cast("Mapping[str, Sequence[Service]]", fleet.memo[key])


def _needs(text: str) -> bool:
    return bool(_NAMES_A_MANAGER.search(text)) and not _UPDATES.search(text)


def _copied_scripts(facts: Facts, stage: Stage) -> Iterator[str]:
    """The texts of the scripts that an image's COPYs have brought."""
    for context in facts.contexts:
        files = CopiedFiles.of(facts.lineage(stage), context)
        names = [path for path in files.paths if path.endswith(".sh") or "." not in posixpath.basename(path)]
        yield from (files.read(path) or "" for path in names[:_MOST_SCRIPTS])


def run_scripts(facts: Facts, stage: Stage, run: Run) -> Iterator[str]:
    """The texts of the scripts that a RUN starts; a manager's name stands for one that cannot be read."""
    for command in run.script.commands:
        if command.name == "make":
            yield from _makefiles(facts, stage, run)
        path = _script_of(command, run.state.workdir)
        if path is not None:
            before = [CopiedFiles.before(stage, run.index, context) for context in facts.contexts]
            texts = [files.read(path) for files in before]
            yield from (text if text is not None else "apt-get install" for text in texts or [None])
            for files, text in zip(before, texts, strict=True):
                yield from reached(files, [text or ""])
        else:
            yield from _copied_programs(facts, stage, run, command)


def _copied_programs(facts: Facts, stage: Stage, run: Run, command: Command) -> Iterator[str]:
    """The texts of copied files that a command starts by their path, or by their name from a folder of programs."""
    words = program_words(command)
    if not words:
        return
    for context in facts.contexts:
        for one in facts.lineage(stage):
            files = CopiedFiles.before(one, run.index if one is stage else len(one.instructions), context)
            for name in {command.words[0], words[0]}:
                folders = [run.state.workdir] if "/" in name else _PROGRAMS
                for path in (posixpath.join(folder, name) for folder in folders):
                    if posixpath.normpath(path) in files.paths:
                        yield files.read(posixpath.normpath(path)) or "apt-get install"


def _makefiles(facts: Facts, stage: Stage, run: Run) -> Iterator[str]:
    for context in facts.contexts:
        files = CopiedFiles.before(stage, run.index, context)
        names = {"makefile", "gnumakefile"}
        yield from (files.read(path) or "" for path in files.paths if posixpath.basename(path).lower() in names)


def _script_of(command: Command, workdir: str) -> str | None:
    words = program_words(command)
    by_shell = words[:1] in {("sh",), ("bash",), ("ash",), ("dash",)}
    if by_shell:
        # What `-c` is given stands in the instruction itself, and what `-s` reads comes through a pipe.
        if any(re.fullmatch(r"-[a-zA-Z]*[cs][a-zA-Z]*", word) for word in words[1:]):
            return None
        words = tuple(word for word in words[1:] if re.match(r"[\w./~$]", word))
    if not words:
        return None
    raw = command.words[0] if command.words[0].rpartition("/")[2] == words[0] else words[0]
    if by_shell or raw.endswith(".sh") or (raw.startswith("./") and "/" not in raw[2:]):
        return raw if raw.startswith("/") else f"{workdir.rstrip('/')}/{raw.removeprefix('./')}"
    return None
