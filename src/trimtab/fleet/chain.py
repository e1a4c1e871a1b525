"""Changing a RUN's `a && b; c` chain without touching what is between the changes."""

import re
from collections.abc import Collection

from trimtab.fleet.stage import Run
from trimtab.syntax.dockerfile import Dockerfile, LineKind
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_JOINT = re.compile(r"[\s;&|\\]*")
_JOINING = frozenset({"", "&&", ";", "\n"})


def chain(run: Run) -> list[Command]:
    """The commands of the plain chain, in order."""
    return [command for command in run.script.commands if command.top_level]


def can_remove(run: Run, commands: Collection[Command]) -> bool:
    """Whether commands can leave the chain: joined by `&&` or `;`, or followed by no more than `|| true`."""
    links = chain(run)
    if not run.editable or not commands or any(command not in links for command in commands):
        return False
    if len(_with_fallbacks(links, commands)) >= len(links):
        return False
    for index, command in enumerate(links):
        if command in commands:
            following = links[index + 1] if index + 1 < len(links) else None
            if command.operator not in _JOINING:
                return False
            if following and following.operator not in _JOINING and not _is_fallback(following):
                return False
    if any(not _only_joined(run, links, index) for index, command in enumerate(links) if command in commands):
        return False
    last = links[-1]
    # Without `set -e` the last command's status is the instruction's, and another one's would take its place.
    decides = last.operator in {";", "\n"} and not any(link.words[:1] == ("set",) for link in links)
    return not (decides and last in commands)


def _only_joined(run: Run, links: list[Command], index: int) -> bool:
    """Whether nothing but an operator lies between a link and its neighbours: no `if`, no loop, no subshell."""
    text = run.script.text
    before = text[: links[0].span.start] if index == 0 else text[links[index - 1].span.end : links[index].span.start]
    following = links[index + 1].span.start if index + 1 < len(links) else len(text)
    return all(_JOINT.fullmatch(part) for part in (before, text[links[index].span.end : following]))


def _is_fallback(command: Command) -> bool:
    return command.operator == "||" and command.words in {("true",), (":",)}


def _with_fallbacks(links: list[Command], commands: Collection[Command]) -> list[Command]:
    """The commands and the `|| true` behind each."""
    found: list[Command] = []
    for index, command in enumerate(links):
        behind = links[index - 1] if index else None
        alone = behind is not None and behind in found and behind.operator != "&&"
        if command in commands or (alone and _is_fallback(command)):
            found.append(command)
    return found


def removal_edits(file: Dockerfile, run: Run, commands: Collection[Command]) -> tuple[Edit, ...] | None:
    """Edits that take commands out of the chain with their operators; None when a comment would go with them."""
    if not can_remove(run, commands):
        return None
    links = chain(run)
    gone = _with_fallbacks(links, commands)
    edits: list[Edit] = []
    kept_before = False
    for index, command in enumerate(links):
        if command not in gone:
            kept_before = True
            continue
        if kept_before:
            span = Span(run.behind(links[index - 1].span.end), run.behind(command.span.end))
        else:
            span = Span(run.at(command.span.start), run.at(links[index + 1].span.start))
        edits.append(Edit.delete(span))
    return None if any(holds_comment(file, edit.span) for edit in edits) else tuple(edits)


def word_removal(file: Dockerfile, run: Run, span: Span) -> Edit | None:
    """An edit that takes one word and the white space before it out of a command."""
    text = run.script.text
    start = span.start
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    whole = Span(run.behind(start), run.behind(span.end))
    return None if holds_comment(file, whole) else Edit.delete(whole)


def holds_comment(file: Dockerfile, span: Span) -> bool:
    """Whether a comment line lies within a span."""
    first, last = file.source.line_of(span.start), file.source.line_of(max(span.start, span.end - 1))
    inside = file.lines[first - 1 : last]
    return any(line.kind == LineKind.COMMENT for line in inside)


def insertion(run: Run, offset: int, text: str) -> Edit:
    """An edit that puts text before one character of the shell text."""
    return Edit.insert(run.at(offset), text)
