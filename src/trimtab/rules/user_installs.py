"""What `pip install --user` puts into root's home, moved to where every user finds it."""

import re
from collections.abc import Sequence

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.paths import is_within
from trimtab.fleet.requirements import python_minor
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Applicability, Effects, Fix, Refusal
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, Span

_LOCAL = "/root/.local"
_EFFECTS = Effects(
    removes=("/root/.local", "/root/.local/**"),
    changes=("/usr/local/bin/**", "/usr/local/lib/**", "/usr/local/etc/**", "/usr/local/share/**", "/usr/local/include/**"),
    config=("Env.PATH",),
    installs=True,
)
_ELSEWHERE = "what is installed there is used elsewhere as well"


def root_home_copies(stage: Stage) -> list[Copy]:
    """The copies of what another stage has installed so, to the same place."""
    return [copy for copy in stage.copies if copy.from_ and _LOCAL in copy.sources and copy.destination == _LOCAL]


def user_installs(facts: Facts, stage: Stage) -> list[tuple[Run, Install]]:
    """The `pip install --user` that root runs in a stage, or in one that it starts from."""
    return [
        (run, install)
        for one in facts.lineage(stage)
        for run in one.runs
        if "PYTHONUSERBASE" not in run.state.env and (user := facts.runs_as(one, run.state)) is not None and user.uid == 0
        for install in run.installs
        if install.manager.name == "pip" and install.has_flag("--user")
    ]


def installed_for_all(file: Dockerfile, facts: Facts, stage: Stage, own: Sequence[tuple[Run, Install]]) -> Fix | Refusal:
    """The installs of a stage without `--user`."""
    if _taken(facts, stage, None):
        return Refusal(_ELSEWHERE)
    edits = [_flag_edit(run, install, "") for run, install in own]
    return _together(file, facts, [stage], [each for each in edits if each], len(own), ())


def copied_for_all(file: Dockerfile, facts: Facts, stage: Stage, copy: Copy) -> Fix | Refusal:
    """The installs of another stage to a prefix of their own, which is copied to where the image's Python looks."""
    origin = facts.stage_named(copy.from_ or "")
    installs = user_installs(facts, origin) if origin else []
    if origin is None or not installs or len(copy.sources) != 1 or copy.instruction.json is not None:
        return Refusal("what the copied folder holds is not known from here")
    bases = {python_minor(facts.outside_base(one)) for one in (origin, stage)}
    first = installs[0][0].index
    later = (command for run in origin.runs if run.index > first for command in run.script.commands)
    used = any(command.name.startswith("python") for command in later)
    if len(bases) != 1 or None in bases or used:
        return Refusal("the stages are not known to read what `--prefix` puts below `/usr/local`")
    edits = [_flag_edit(run, install, "--prefix=/install") for run, install in installs]
    words = copy.instruction.words
    edits += [Edit(words[0].span, "/install"), Edit(words[1].span, "/usr/local")]
    if copy.instruction.flag("chown"):
        return Refusal("its owner would own `/usr/local` as well")
    if len(facts.descendants(origin)) > 1 or _taken(facts, origin, copy):
        return Refusal(_ELSEWHERE)
    return _together(file, facts, [origin, stage], [each for each in edits if each], len(installs) + 2, (copy,))


def _flag_edit(run: Run, install: Install, instead: str) -> Edit | None:
    if not run.editable or not install.command.literal:
        return None
    index = install.command.words.index("--user")
    span = install.command.word_spans[index]
    if instead:
        return Edit(run.source_span(span), instead)
    previous = install.command.word_spans[index - 1]
    return Edit.delete(Span(run.behind(previous.end), run.behind(span.end)))


def _together(
    file: Dockerfile, facts: Facts, stages: Sequence[Stage], edits: list[Edit], expected: int, moving: Sequence[Copy]
) -> Fix | Refusal:
    """The edits with those that take the folder off PATH; refused where anything else names it."""
    if len(edits) != expected:
        return Refusal("an install does not stand in a plain chain of commands")
    for stage in stages:
        for instruction in stage.instructions:
            if ".local" not in instruction.logical.text or any(copy.instruction is instruction for copy in moving):
                continue
            words = [word for word in instruction.words if ".local" in word.raw]
            simple = [word for word in words if re.fullmatch(r"PATH=\"?/root/\.local/bin:.*", word.raw)]
            if instruction.keyword != "ENV" or len(simple) != len(words) or holds_comment(file, instruction.span):
                return Refusal(f"line {instruction.start_line} uses the path as well")
            for word in simple:
                start = word.span.start + word.raw.index("/root/.local/bin:")
                if re.fullmatch(r"PATH=\"?/root/\.local/bin:\$\{?PATH\}?\"?", word.raw) and len(instruction.words) == 1:
                    edits.append(Edit.delete(instruction.span))
                    continue
                edits.append(Edit.delete(Span(start, start + len("/root/.local/bin:"))))
    return Fix("install where every user finds it", tuple(edits), Applicability.UNSAFE, _EFFECTS)


def _taken(facts: Facts, origin: Stage, but: Copy | None) -> bool:
    """Whether anything but one copy takes what root's home has in a stage, or in one that it starts from."""
    origins = facts.lineage(origin)
    return any(
        is_within(_LOCAL, source) or is_within(source, _LOCAL)
        for one in facts.stages
        for copy in one.copies
        if copy is not but and copy.from_ and facts.stage_named(copy.from_) in origins
        for source in copy.sources
    )
