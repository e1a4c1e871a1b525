"""DF123."""

import re
from collections.abc import Iterator, Sequence

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.compiling import build_tools, what_compiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.paths import is_within
from trimtab.fleet.requirements import PythonInstall, python_installs, python_minor
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span, apply_edits

_PYTHON = Effects(removes=("/root/.cache/**", "/root/.cache"), packages_removed=True, installs=True, stages=True)
_NODE = Effects(
    removes=("/**/node_modules/**", "/root/.npm/**", "/root/.npm", "/tmp/**"),  # noqa: S108  a path inside an image
    changes=("/**/node_modules/.package-lock.json", "/**/node_modules/.bin/**"),
    installs=True,
    stages=True,
)
_BEFORE = frozenset({"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "SHELL"})
_BUILD = re.compile(r"^(npm|yarn|pnpm)( run)? build")
_CHORES = frozenset(
    [
        "apt-get",
        "apt",
        "apk",
        "rm",
        "set",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "mkdir",
        "chown",
        "chmod",
        "true",
        "echo",
    ]
)
"""Commands that a second stage may run again."""
_HEADERS = frozenset({"libc6-dev", "libc-dev", "musl-dev", "python3-dev", "linux-libc-dev", "libyaml-dev"})
"""Headers of what every image has anyway; and libyaml's, without which PyYAML has a slower way."""
_SHAPE = "line {} is more than the usual shape, which a stage of its own could change"


class SingleStageBuild(DockerfileRule):
    """Image that holds what only building it needs.

    ## What it does
    Finds images of one stage that compile Python packages with compilers they install, or that build a Node service with
    its development dependencies, and keep all of that. It takes a Python package for compiled only where that is sure:
    `--no-binary`, a source archive, or an index without a wheel for the image's C library.

    ## Why it matters
    Compilers and bundlers are often most of an image, they never run in it, and they are what an intruder looks for.

    ## Fix safety
    Only with proof: the building becomes a stage, and the image copies what it made: Python packages by way of
    `--prefix`, a Node service with its production dependencies. Both images are built, their files compared, and the
    service is started from both. Refused where the file does more than the usual steps.

    ## References
    https://docs.docker.com/build/building/multi-stage/
    """

    code = "DF123"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "FROM debian:13 AS build\nRUN apt-get install -y gcc\nFROM debian:13\nCOPY --from=build /a /a\n",
        Case("FROM python:3.13\nRUN apt-get install -y gcc\nCOPY r.txt .\nRUN pip install -r r.txt\n", files={"r.txt": ""}),
        "FROM node:24\nCOPY . .\nRUN npm ci --omit=dev\nCMD [\"node\", \"a.js\"]\n",
    ]  # fmt: skip
    flagged = [
        Case(
            "FROM python:3.13-slim\nENV A=b\nRUN apt-get update && apt-get install -y gcc libpq5 && rm -rf /x\nWORKDIR /a\n"
            'COPY r.txt .\nRUN pip install --no-binary :all: -r r.txt\nCOPY src src\nCMD ["a"]\n',
            after="FROM python:3.13-slim AS build\nENV A=b\n"
            "RUN apt-get update && apt-get install -y gcc libpq5 && rm -rf /x\nWORKDIR /a\n"
            "COPY r.txt .\nRUN pip install --prefix=/install --no-binary :all: -r r.txt\n"
            "\nFROM python:3.13-slim\nENV A=b\nRUN apt-get update && apt-get install -y libpq5 && rm -rf /x\nWORKDIR /a\n"
            'COPY r.txt .\nCOPY --from=build /install /usr/local\nCOPY src src\nCMD ["a"]\n',
            files={"r.txt": "psycopg2\n", "src/a": ""},
        ),
        Case(
            "FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm ci\nRUN npm run build\nUSER node\nCMD [\"node\", \"dist/a.js\"]\n",
            after="FROM node:24 AS build\nWORKDIR /a\nCOPY . .\nRUN npm ci\nRUN npm run build\nRUN npm prune --omit=dev\n"
            "\nFROM node:24\nWORKDIR /a\nCOPY --from=build /a /a\nUSER node\nCMD [\"node\", \"dist/a.js\"]\n",
            files={"package.json": "{}"},
        ),
        Case(
            "FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm ci\nRUN npm run build\nCMD npm start\n",
            refused="the image starts with npm, which may need what the build needs",
            files={"package.json": "{}"},
        ),
        Case(
            "FROM node:24\nCOPY . .\nUSER node\nRUN npm ci\nRUN npm run build\nCMD [\"node\", \"a.js\"]\n",
            refused=_SHAPE.format(3),
            files={"package.json": "{}"},
        ),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        if len(facts.stages) != 1 or not facts.final_stages:
            return
        stage = facts.stages[0]
        yield from self._python(file, facts, stage)
        yield from self._node(file, facts, stage)

    def _python(self, file: Dockerfile, facts: Facts, stage: Stage) -> Iterator[Finding]:
        compiled = what_compiles(facts, stage)
        tools = [(run, install) for run in stage.runs for install in run.installs if build_tools(install)]
        if compiled is None or not tools:
            return
        run, install = tools[0]
        named = ", ".join(f"`{tool}`" for tool in build_tools(install)[:3])
        message = f"compiling {compiled} needs {named}, and the image keeps it"
        yield self.finding(facts, run.source_span(install.command.span), message, _python_stages(file, facts, stage, tools))

    def _node(self, file: Dockerfile, facts: Facts, stage: Stage) -> Iterator[Finding]:
        installs = [(run, i) for run in stage.runs for i in run.installs if i.manager.name == "npm" and not i.packages]
        builds = [(run, c) for run in stage.runs for c in run.script.commands if _BUILD.match(" ".join(c.words))]
        if not installs or not builds or any(install.has_flag("--omit=dev", "--production") for _, install in installs):
            return
        run, command = builds[-1]
        message = f"what `{' '.join(command.words)}` needed stays in the image"
        yield self.finding(facts, run.source_span(command.span), message, _node_stages(file, facts, stage, run, command))


def _odd_line(file: Dockerfile, stage: Stage, instructions: Sequence[Instruction]) -> str | None:
    """The first instruction that a stage of its own could change or lose."""
    first = stage.instructions[0]
    if stage.name is not None or len(first.words) != 1 or first.flags:
        return _SHAPE.format(first.start_line)
    for instruction in instructions:
        odd = instruction.keyword not in _BEFORE or instruction.heredocs or instruction.flag("from")
        if odd or holds_comment(file, instruction.span) or not file.can_be_followed(instruction):
            return _SHAPE.format(instruction.start_line)
    return None


def _python_stages(file: Dockerfile, facts: Facts, stage: Stage, tools: Sequence[tuple[Run, Install]]) -> Fix | Refusal:
    pips = [each for each in python_installs(facts.file) if each.stage is stage and each.context is facts.contexts[0]]
    last = max(each.run.index for each in pips)
    before = stage.instructions[: last + 1]
    named = [tool for _, install in tools for tool in build_tools(install) if tool.endswith("-dev") and tool not in _HEADERS]
    if named:
        return Refusal(f"`{named[0]}` brings a library that what is compiled needs when it runs")
    reason = _odd_line(file, stage, before) or _odd_run(stage, pips, tools, last)
    if python_minor(stage.base) is None:
        reason = "only the official Python images are known to read what `--prefix` puts below `/usr/local`"
    if reason or any(run.index > last for run, _ in tools):
        return Refusal(reason or "the compiler is installed behind what it could compile")
    edits: list[Edit] = [Edit.insert(stage.instructions[0].arguments_span.end, " AS build")]
    for each in pips:
        plain = each.complete and each.run.editable and each.install.command.literal and each.install.manager.name == "pip"
        elsewhere = each.install.has_flag("--user", "--target", "-t", "--prefix", "--root") or "PATH" in each.run.state.env
        if not plain or elsewhere or len(each.run.script.commands) != 1:
            return Refusal(_SHAPE.format(each.run.instruction.start_line))
        verb = each.install.command.words.index("install")
        edits.append(Edit.insert(each.run.behind(each.install.command.word_spans[verb].end), " --prefix=/install"))
    repeated = [_repeated(file, stage, index, tools, {each.run.index for each in pips}) for index in range(len(before))]
    newline = file.source.newline
    text = newline + "".join(repeated) + f"COPY --from=build /install /usr/local{newline}"
    return _with(file, stage.instructions[last], text, edits, _PYTHON)


def _odd_run(stage: Stage, pips: Sequence[PythonInstall], tools: Sequence[tuple[Run, Install]], last: int) -> str | None:
    """A RUN up to the last pip install that the image could not simply repeat."""
    known = {id(each.run) for each in pips}
    for run in stage.runs:
        if run.index > last or id(run) in known:
            continue
        installs = [install.command for install in run.installs]
        own = [command for command in run.script.commands if command not in installs]
        if not run.script.commands or any(command.name not in _CHORES for command in own):
            return _SHAPE.format(run.instruction.start_line)
        emptied = any(each is run and set(build_tools(install)) == set(install.packages) for each, install in tools)
        if emptied and any(command.name not in {"apt-get", "apt", "apk", "rm", "set"} for command in own):
            return _SHAPE.format(run.instruction.start_line)
    if any(each.install.has_flag("--no-build-isolation") for each in pips):
        return "`--no-build-isolation` builds with packages that `--prefix` would hide"
    return None


def _repeated(file: Dockerfile, stage: Stage, index: int, tools: Sequence[tuple[Run, Install]], pips: set[int]) -> str:
    """An instruction of the building stage as the image repeats it: without the installs, and without the tools."""
    instruction = stage.instructions[index]
    text = _whole(file, instruction)
    if index in pips:
        return ""
    edits: list[Edit] = []
    for run, install in tools:
        if run.index != index:
            continue
        gone = set(build_tools(install))
        if gone == set(install.packages):
            return ""
        for word, span in zip(install.command.words, install.command.word_spans, strict=True):
            if word in gone:
                start = run.at(span.start) - instruction.span.start
                end = run.behind(span.end) - instruction.span.start
                blank = re.match(r"[ \t]*(\\\r?\n[ \t]*)?", text[end:])
                edits.append(Edit.delete(Span(start, end + (blank.end() if blank else 0))))
    return apply_edits(text, edits)


def _node_stages(file: Dockerfile, facts: Facts, stage: Stage, run: Run, command: Command) -> Fix | Refusal:
    before = stage.instructions[: run.index + 1]
    reason = _odd_line(file, stage, before)
    if reason:
        return Refusal(reason)
    if command.name != "npm" or run.script.commands[-1] is not command or stage.end.workdir == "/":
        return Refusal(_SHAPE.format(run.instruction.start_line))
    starts = [start for keyword in ("ENTRYPOINT", "CMD") if (start := facts.last(stage, keyword))]
    texts = [" ".join(start.json or (start.arguments,)) for start in starts]
    if any(re.search(r"\b(npm|yarn|pnpm|npx|vite|ts-node|tsx|nodemon|next)\b", text) for text in texts):
        return Refusal("the image starts with npm, which may need what the build needs")
    earlier = [each for each in stage.runs if each.index <= run.index]
    copies = [copy for copy in stage.copies if copy.index <= run.index]
    outside = any(not is_within(copy.destination, stage.end.workdir) for copy in copies)
    commands = [command for each in earlier for command in each.script.commands]
    plain = all(each.name == "npm" and not {"-g", "--global"} & set(each.words) for each in commands)
    later = [command for each in stage.runs if each.index > run.index for command in each.script.commands]
    if (
        outside
        or not plain
        or any(command.name in {"npm", "npx", "yarn", "pnpm"} for command in later)
        or any(i.manager.system for each in earlier for i in each.installs)
        or any(each.state.workdir != stage.end.workdir for each in stage.runs)
    ):
        return Refusal("it also makes things outside its working directory")
    newline = file.source.newline
    kept = [i for i in before if i.keyword in {"FROM", "ARG", "ENV", "WORKDIR", "SHELL"}]
    text = f"RUN npm prune --omit=dev{newline}{newline}" + "".join(_whole(file, i) for i in kept)
    text += f"COPY --from=build {stage.end.workdir} {stage.end.workdir}{newline}"
    edits = [Edit.insert(stage.instructions[0].arguments_span.end, " AS build")]
    return _with(file, run.instruction, text, edits, _NODE)


def _with(file: Dockerfile, last: Instruction, text: str, edits: list[Edit], effects: Effects) -> Fix:
    lead = "" if _ends_line(file, last) else file.source.newline
    return Fix("build in a stage of its own", (*edits, Edit.insert(last.span.end, lead + text)), Applicability.PROOF, effects)


def _ends_line(file: Dockerfile, instruction: Instruction) -> bool:
    return file.source.at(instruction.span).endswith("\n")


def _whole(file: Dockerfile, instruction: Instruction) -> str:
    text = file.source.at(instruction.span).removeprefix("\ufeff")
    return text if text.endswith("\n") else text + file.source.newline
