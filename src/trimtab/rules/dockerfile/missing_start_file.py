"""DF307 and DF311: files that an image starts with, or is checked with, and does not have."""

import posixpath
from collections.abc import Iterator

from trimtab.fleet.bases import read_reference
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.healthchecks import Check
from trimtab.fleet.paths import is_within
from trimtab.fleet.pymodules import installed_modules, is_standard, module_file
from trimtab.fleet.stage import Run, Stage
from trimtab.fleet.start import Start, Target, start_of, target_of
from trimtab.rules.base import Case, Category, Confidence, DockerfileRule, Finding, Refusal, Severity
from trimtab.rules.health import HealthRule
from trimtab.syntax.dockerfile import Dockerfile

_REFUSAL = "whether the file or the command is wrong is not known from here"
_MAKES_NO_SOURCES = frozenset(
    [
        "apt-get",
        "apt",
        "apk",
        "pip",
        "pip3",
        "npm",
        "yarn",
        "pnpm",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "usermod",
        "chown",
    ]
    + ["chmod", "mkdir", "rm", "set", "echo", "true", "id", "touch", "python", "python3", "find", "corepack", "test", "["]
)


class MissingStartFile(DockerfileRule):
    """Start command whose file or module is not in the image.

    ## What it does
    Takes the file, the Python module or the application that ENTRYPOINT and CMD load, and looks for it among what the
    COPYs bring from the context. It speaks only where nothing else can have brought it: no other stage, no script, an
    official base, and no service that sets a command of its own or mounts a folder over it.

    ## Why it matters
    The image builds, and the container ends at once. None of six linters reports it.

    ## Fix safety
    Not fixed: either the command or the COPY is wrong.
    """

    code = "DF307"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        Case('FROM python:3.13\nWORKDIR /app\nCOPY src/ ./\nCMD ["python", "main.py"]\n', files={"src/main.py": ""}),
        Case('FROM python:3.13\nWORKDIR /app\nCOPY src/ src/\nCMD ["python", "-m", "src.main"]\n', files={"src/main.py": ""}),
        Case('FROM python:3.13\nWORKDIR /app\nCOPY src/ src/\nCMD ["uvicorn", "src.main:app"]\n', files={"src/main.py": ""}),
        Case('FROM node:24 AS b\nFROM node:24\nCOPY --from=b /d /d\nCMD ["node", "/d/a.js"]\n'),
        Case('FROM node:24\nCOPY a /a\nRUN npm run build\nCMD ["node", "/a/dist/a.js"]\n', files={"a/b": ""}),
        Case('FROM python:3.13\nRUN pip install gunicorn\nCMD ["python", "-m", "gunicorn"]\n'),
    ]
    flagged = [
        Case(
            'FROM python:3.13\nWORKDIR /app\nCOPY src/ ./\nCMD ["python", "app.py"]\n',
            refused=_REFUSAL,
            files={"src/main.py": ""},
        ),
        Case('FROM python:3.13\nCOPY a /a\nCMD ["python", "-m", "service.main"]\n', refused=_REFUSAL, files={"a": ""}),
        Case('FROM python:3.13\nCOPY a /a\nCMD ["uvicorn", "service.main:app"]\n', refused=_REFUSAL, files={"a": ""}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            start = start_of(facts, stage)
            target = target_of(start, stage.end.workdir) if start and not start.in_shell else None
            if start is None or target is None or not _is_closed(facts, stage) or "PYTHONPATH" in stage.end.env:
                continue
            if all(
                _is_missing(facts, stage, target, CopiedFiles.of(facts.lineage(stage), context)) for context in facts.contexts
            ):
                kind = "file" if target.kind == "file" else "module"
                message = f"the image starts with the {kind} `{target.name}`, which nothing brings"
                yield self.finding(facts, start.instruction.arguments_span, message, Refusal(_REFUSAL), target.name)


_CHECK = "whether the file or the check is wrong is not known from here"
_OF_THE_SYSTEM = ("/bin/", "/sbin/", "/usr/", "/lib/", "/etc/", "/opt/", "/proc/", "/dev/", "/tmp/", "/var/")  # noqa: S108


class HealthCheckFileMissing(HealthRule):
    """Health check that runs a file which is not in the image.

    ## What it does
    Takes the script or program that a HEALTHCHECK, or the health check of a compose service, runs by its path, and looks for it
    among what the COPYs bring from the context. It speaks only where nothing else can have brought it, as DF307 does.

    ## Why it matters
    The check fails for ever, and whatever waits for the service never starts.

    ## Fix safety
    Not fixed: either the check or the COPY is wrong.
    """

    code = "DF311"
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    clean = [
        Case('FROM python:3.13\nWORKDIR /app\nCOPY a.sh .\nHEALTHCHECK CMD ["/app/a.sh"]\n', files={"a.sh": ""}),
        Case("FROM python:3.13\nWORKDIR /app\nHEALTHCHECK CMD /usr/bin/curl -f localhost && ./$X\n"),
        Case('FROM python:3.13\nWORKDIR /app\nRUN make a.sh\nHEALTHCHECK CMD ["/app/a.sh"]\n'),
    ]
    flagged = [
        Case(
            'FROM python:3.13\nWORKDIR /app\nCOPY b.py .\nHEALTHCHECK CMD ["python", "a.py"]\n',
            refused=_CHECK,
            files={"b.py": ""},
        ),
        Case(
            "FROM python:3.13\nWORKDIR /app\nCOPY b.py .\n",
            refused=_CHECK,
            files={"b.py": "", "compose.yaml": "services: {a: {build: ., healthcheck: {test: [CMD, /app/a.sh]}}}\n"},
        ),
        Case(
            "FROM node:24\nWORKDIR /app\nCOPY b.js .\nHEALTHCHECK CMD node a.js || exit 1\n", refused=_CHECK, files={"b.js": ""}
        ),
    ]

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        if not _is_closed(facts, stage):
            return
        brought = [CopiedFiles.of(facts.lineage(stage), context) for context in facts.contexts]
        for target in _run_by(check, stage):
            if all(_is_missing(facts, stage, target, files) for files in brought):
                message = f"the health check runs `{target.name}`, which nothing brings"
                yield self.at(facts, check, message, Refusal(_CHECK), target.name)


def _run_by(check: Check, stage: Stage) -> Iterator[Target]:
    """The files that a check runs by their paths, those of the system left out."""
    first = stage.instructions[0]
    starts = [Start(each.words, in_shell=True, instruction=first, literal=each.literal) for each in check.commands]
    for start in starts or [Start(tuple(check.words), in_shell=False, instruction=first)]:
        target = target_of(start, stage.end.workdir)
        if target is not None and target.kind == "file" and not target.name.startswith(_OF_THE_SYSTEM):
            yield target


def _is_closed(facts: Facts, stage: Stage) -> bool:
    """Whether every file of the service is known: official base, plain RUNs, no other stage, nothing mounted over it."""
    reference = read_reference(facts.outside_base(stage))
    if reference.runtime not in {"python", "node"} or not facts.contexts:
        return False
    if any(service.command or service.entrypoint or service.volumes for service in facts.file.services):
        return False
    if any("://" in source or "$" in source for one in facts.lineage(stage) for copy in one.copies for source in copy.sources):
        return False
    return all(_makes_no_sources(run) for one in facts.lineage(stage) for run in one.runs)


def _makes_no_sources(run: Run) -> bool:
    if run.script.broken or not run.script.commands or ">" in run.script.text:
        return False
    names = {"python", "python3"}
    for command in run.script.commands:
        if command.name not in _MAKES_NO_SOURCES or (command.name in names and "-m" not in command.words):
            return False
        if command.name in {"npm", "yarn", "pnpm"} and not any(install.command is command for install in run.installs):
            return False
    return True


def _is_missing(facts: Facts, stage: Stage, target: Target, files: CopiedFiles) -> bool:
    if target.kind == "file":
        path = posixpath.normpath(target.name)
        folders = [copy.destination for one in facts.lineage(stage) for copy in one.copies if copy.from_ is not None]
        covered = any(is_within(path, folder) or is_within(folder, path) for folder in folders)
        unread = any("$" in source for one in facts.lineage(stage) for copy in one.copies for source in copy.sources)
        return path not in files.paths and path.startswith(stage.end.workdir) and not covered and not unread
    top = target.name.partition(".")[0]
    if "." in target.name and files.has_folder(posixpath.join(stage.end.workdir, top)):
        return module_file(files, target.name, (stage.end.workdir,)) is None
    if (
        is_standard(top)
        or module_file(files, target.name, (stage.end.workdir,))
        or files.has_folder(posixpath.join(stage.end.workdir, top))
    ):
        return False
    have = installed_modules(facts, stage)
    return have is not None and not have.may_provide(top)
