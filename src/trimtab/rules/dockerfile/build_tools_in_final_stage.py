"""DF122."""

from collections.abc import Iterator, Sequence

from trimtab.fleet.chain import chain, word_removal
from trimtab.fleet.compiling import build_tools, what_compiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.programs import needed_programs
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit

_COMPILERS = frozenset(
    ["gcc", "g++", "cc", "c++", "make", "cmake", "cargo", "rustc", "go", "ninja", "clang", "node-gyp", "gfortran"]
)
_MAY_COMPILE = frozenset(
    [
        "docker-php-ext-install",
        "docker-php-ext-configure",
        "pecl",
        "phpize",
        "gem",
        "bundle",
        "configure",
        "cpanm",
        "cpan",
        "Rscript",
    ]
    + ["R", "install2.r", "meson", "scons", "autoreconf", "npm", "yarn", "pnpm", "mix", "rebar3", "stack", "cabal", "luarocks"]
    + [
        "opam",
        "swift",
        "dotnet",
        "catkin_make",
        "colcon",
        "bazel",
        "mvn",
        "gradle",
        "sbt",
        "lein",
        "composer",
        "install-php-extensions",
    ]
)
"""Programs that may call a compiler without saying so."""
_CHORES = frozenset(["apt-get", "apt", "apk", "rm", "set"])


class BuildToolsInFinalStage(DockerfileRule):
    """Compilers and headers in an image that runs.

    ## What it does
    Finds packages that only building needs (compilers, `make`, `-dev` headers) installed in a stage whose layers end up
    in an image, and not removed in the same instruction.

    ## Why it matters
    In the demo the example fleet's worker goes from 374 MB to 191 MB with this and its other changes. A compiler is also
    what an intruder asks for first. Most of them are left from a time when a package had no wheel.

    ## Fix safety
    Only with proof: taking a compiler away may break the build, which only building tells. `trimtab optimize` builds without it
    and keeps the change only if the image builds, every library still resolves and the service behaves as before.
    Refused where a later instruction calls a compiler by name.

    ## References
    https://docs.docker.com/build/building/best-practices/#use-multi-stage-builds
    """

    code = "DF122"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.1"
    clean = [
        "FROM debian:12 AS build\nRUN apt-get update && apt-get install -y gcc\nFROM debian:12\nCOPY --from=build /a /a\n",
        "FROM alpine:3\nRUN apk add --no-cache --virtual .b gcc && apk del .b\n",
    ]
    flagged = [
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y \\\n    gcc \\\n    curl \\\n"
            "    && rm -rf /var/lib/apt/lists/*\nCMD [\"a\"]\n",
            after="FROM debian:12\nRUN apt-get update && apt-get install -y \\\n    curl \\\n"
            "    && rm -rf /var/lib/apt/lists/*\nCMD [\"a\"]\n",
        ),
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*\nCMD [\"a\"]\n",
            after="FROM debian:12\nCMD [\"a\"]\n",
        ),
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*\n"
            "RUN make all\nCMD a\n",
            refused="`make all` needs it",
        ),
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y make && rm -rf /var/lib/apt/lists/*\nCMD make serve\n",
            refused="the service is started or checked with `make`",
        ),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.in_final_image(stage) or what_compiles(facts, stage):
                # Where something is compiled on purpose, a stage of its own is what is missing, which another rule says.
                continue
            for run in stage.runs:
                for install in run.installs:
                    tools = build_tools(install)
                    if _is_a_tool_image(facts, stage):
                        continue
                    if install.manager.system and tools and not _removed_again(run, install):
                        verbs = ("serves", "stays") if len(tools) == 1 else ("serve", "stay")
                        message = f"{_listed(tools)} only {verbs[0]} building, and {verbs[1]} in the image"
                        outcome = _outcome(file, facts, stage, run, install, tools)
                        yield self.finding(facts, run.source_span(install.command.span), message, outcome)


def _is_a_tool_image(facts: Facts, stage: Stage) -> bool:
    """An image that starts nothing of its own and that no service runs: people may compile in it."""
    starts = facts.last(stage, "CMD") or facts.last(stage, "ENTRYPOINT")
    return starts is None and not facts.file.services


def _listed(tools: Sequence[str]) -> str:
    return ", ".join(f"`{tool}`" for tool in tools[:4]) + (" and more" if len(tools) > 4 else "")


def _removed_again(run: Run, install: Install) -> bool:
    verbs = {"purge", "remove", "autoremove", "del"}
    return any(
        command is not install.command and command.name in {"apt-get", "apt", "apk"} and verbs & set(command.words)
        for command in run.script.commands
    )


def _outcome(file: Dockerfile, facts: Facts, stage: Stage, run: Run, install: Install, tools: list[str]) -> Fix | Refusal:
    user = _compiling(facts, stage, run)
    if user:
        return Refusal(f"`{user}` needs it")
    needed = next((tool for final in facts.final_stages for tool in tools if tool in needed_programs(facts, final)), None)
    if needed:
        return Refusal(f"the service is started or checked with `{needed}`")
    if install.has_flag("--virtual", "-t") or any(word.startswith("--virtual=") for word in install.arguments):
        return Refusal("it has a name, by which a later instruction may take it away again")
    if not run.editable or not install.command.literal or install.command not in chain(run):
        return Refusal("the install does not stand in a plain chain, or holds a substitution")
    effects = Effects(packages_removed=True)
    if set(tools) == set(install.packages):
        if not _only_chores(run, install) or len([i for i in run.installs if i is not install]):
            return Refusal("nothing would be left to install, and the instruction does more than installing")
        return Fix("leave the build tools out", (Edit.delete(run.instruction.span),), Applicability.PROOF, effects)
    spans = [span for word, span in zip(install.command.words, install.command.word_spans, strict=True) if word in tools]
    edits = [word_removal(file, run, span) for span in spans]
    kept = tuple(edit for edit in edits if edit is not None)
    if len(kept) != len(edits):
        return Refusal("taking a package out would take a comment along")
    return Fix("leave the build tools out", kept, Applicability.PROOF, effects)


def _compiling(facts: Facts, stage: Stage, run: Run) -> str | None:
    """A command that calls a compiler by name once the tools are there."""
    runs = [each for one in facts.stages if one is stage or stage in facts.lineage(one) for each in one.runs]
    for each in runs:
        for command in each.script.commands:
            if (command.name in _COMPILERS or _is_unseen(command)) and not (each is run and _before(each, command, run)):
                return " ".join(command.words)[:40]
    return None


def _is_unseen(command: Command) -> bool:
    return command.name in _MAY_COMPILE or command.name.endswith((".sh", "configure"))


def _before(each: Run, command: Command, run: Run) -> bool:
    first = run.installs[0].command
    return each is run and command.span.start < first.span.start


def _only_chores(run: Run, install: Install) -> bool:
    return all(command is install.command or command.name in _CHORES for command in run.script.commands)
