"""CX109, CX110 and CX112: what a build sends, and what it cannot see."""

import posixpath
from collections.abc import Iterator
from functools import partial

from trimtab.fleet import BuildContext
from trimtab.fleet.copies import CopiedFiles, copied_files, heaviest_folders, sent_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Case, Category, Confidence, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

LARGE = 50_000_000
"""Bytes; a choice, not a measurement: most services of the fleets read so far send far less."""
_OUTSIDE = "the builder sees the context alone: make it a folder further up, or name another one with `additional_contexts`"
_IN_RUN = "whether it is to be copied or mounted (`RUN --mount=type=bind`) is not ours to say"


class LargeContext(DockerfileRule):
    """Build that sends a large context.

    ## What it does
    Adds up the files that a Dockerfile's COPYs and ADDs bring from each context, through the ignore file in effect, which
    is what BuildKit sends, and names the folders that hold most of it.

    ## Why it matters
    Everything is sent at the first build on every machine, compared at each later one, and copied into layers.

    ## Fix safety
    Not fixed: what of it the image needs is its authors' to say.
    """

    code = "CX109"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    clean = [Case("FROM a:1\nCOPY b /\n", files={"a": "", "b": ""}, sizes={"a": LARGE + 1})]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            refused="what of it the image needs is not ours to say",
            files={"a/b": ""},
            sizes={"a/b": LARGE + 1},
        )
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for context in facts.contexts:
            sent = sent_files(facts.file, context)
            total = sum(sent.values())
            copies = [copy for stage in facts.stages for copy in stage.copies if copy.from_ is None]
            if total < LARGE or not copies:
                continue
            listed = ", ".join(f"`{name}` {size / 1e6:.0f} MB" for name, size in heaviest_folders(sent)[:3])
            message = f"{total / 1e6:.0f} MB are sent from `{context.root or '.'}`: {listed}"
            refusal = Refusal("what of it the image needs is not ours to say")
            most_of_it = max(copies, key=partial(_bytes, context=context))
            yield self.finding(facts, most_of_it.instruction.keyword_span, message, refusal, context.root)


def _bytes(copy: Copy, context: BuildContext) -> int:
    return sum(context.visible[path].size for path in copied_files(copy, context).values())


class SourceOutsideContext(DockerfileRule):
    """COPY of a path above the context.

    ## What it does
    Finds COPY and ADD sources that begin with `../` and are not in the context without it either.

    ## Why it matters
    The builder cuts `../` off, and the build fails because the file is not there.

    ## Fix safety
    Not fixed: either the context or the path has to change.

    ## References
    https://docs.docker.com/reference/dockerfile/#copy
    """

    code = "CX110"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = ["FROM a:1 AS b\nFROM a:1\nCOPY --from=b ../a /\n"]
    flagged = [Case("FROM a:1\nCOPY ../common /common\n", refused=_OUTSIDE)]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for copy in stage.copies:
                for source in copy.sources if copy.from_ is None else ():
                    plain = posixpath.normpath(source)
                    inside = plain.lstrip("./")
                    if plain.startswith("..") and not all(context.exists(inside) for context in facts.contexts):
                        message = f"`{source}` is above the build context"
                        yield self.finding(facts, copy.instruction.arguments_span, message, Refusal(_OUTSIDE), source)


class ContextReadInRun(DockerfileRule):
    """RUN that reads a path which only the context has.

    ## What it does
    Finds `cp`, `mv`, `cat`, `python`, `sh` and the like in RUNs with a relative path that exists in the build context
    and that no COPY has brought to that place.

    ## Why it matters
    RUN sees the image, not the context. The command fails, and with `|| true` behind it the file is just missing.

    ## Fix safety
    Not fixed: it can be copied, or mounted for that RUN alone.
    """

    code = "CX112"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM a:1\nWORKDIR /a\nCOPY s s\nRUN cp s/b /b\n", files={"s/b": ""}),
        Case("FROM a:1\nRUN --mount=type=bind,source=s,target=/a/s cd /a && cp s/b /b\n", files={"s/b": ""}),
        Case("FROM a:1\nRUN git clone https://example.com/s && cp s/b /b\n", files={"s/b": ""}),
    ]
    flagged = [Case("FROM a:1\nWORKDIR /a\nRUN cp s/b /b\n", refused=_IN_RUN, files={"s/b": ""})]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for path in _read_paths(facts, stage, run):
                    message = f"`{path}` is in the build context, and RUN does not see it"
                    yield self.finding(facts, run.instruction.keyword_span, message, Refusal(_IN_RUN), path)


def _read_paths(facts: Facts, stage: Stage, run: Run) -> Iterator[str]:
    if run.mounts("bind") or not facts.contexts or run.script.broken:
        return
    makes = {"cd", "git", "tar", "unzip", "mkdir", "touch", "curl", "wget", "pushd", "ln"}
    for command in run.script.commands:
        if command.name in makes:
            return
        if command.name not in {"cp", "mv", "cat", "python", "python3", "sh", "bash", "source", "."} or not command.literal:
            continue
        words = [word for word in command.words[1:] if not word.startswith("-")]
        words = words[:-1] if command.name in {"cp", "mv"} else words[:1]
        for word in words:
            if (
                "/" in word
                and not word.startswith(("/", "~", ".", "$"))
                and all(_only_there(facts, stage, run, word, c) for c in facts.contexts)
            ):
                yield word


def _only_there(facts: Facts, stage: Stage, run: Run, word: str, context: BuildContext) -> bool:
    entry = context.tree.entries.get(context.tree_path(word.rstrip("/")))
    if entry is None:
        return False
    place = posixpath.normpath(posixpath.join(run.state.workdir, word))
    for one in facts.lineage(stage):
        files = CopiedFiles.before(one, run.index if one is stage else len(one.instructions), context)
        if place in files.paths or files.has_folder(place):
            return False
        if any(copy.from_ is not None and (place + "/").startswith(copy.destination.rstrip("/") + "/") for copy in one.copies):
            return False
    return not any(word.partition("/")[0] in each.instruction.arguments for each in facts.runs_before(stage, run.index))
