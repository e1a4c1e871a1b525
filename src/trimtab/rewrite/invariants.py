"""What no fix may break, checked on every result before it is kept."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from trimtab.fleet import Facts, Fleet, OverlayTree
from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.copies import copied_files
from trimtab.fleet.tree import Unreadable
from trimtab.rules import Effects
from trimtab.syntax.dockerfile import Dockerfile, LineKind
from trimtab.syntax.yaml import YamlProblem, load_documents
from trimtab.text import Source


def broken_invariant(before: Facts, after: Facts, effects: Effects) -> str | None:
    """The first invariant that a rewritten file breaks, None when all hold."""
    checks = (
        _parses(after.dockerfile),
        _same_heredocs(before.dockerfile, after.dockerfile),
        _same_comments(before.dockerfile, after.dockerfile),
        _same_directives(before.dockerfile, after.dockerfile),
        None if effects.stages else _same_stages(before, after),
        None if effects.packages_removed or effects.installs else _same_packages(before, after),
        _same_start(before, after, effects),
    )
    return next((reason for reason in checks if reason), None)


def _parses(file: Dockerfile) -> str | None:
    return next((f"line {problem.line}: {problem.message}" for problem in file.problems), None)


def _same_heredocs(before: Dockerfile, after: Dockerfile) -> str | None:
    def bodies(file: Dockerfile) -> Counter[str]:
        return Counter(heredoc.content for i in file.instructions for heredoc in i.heredocs)

    return None if bodies(before) == bodies(after) else "a heredoc's body changed"


def _same_comments(before: Dockerfile, after: Dockerfile) -> str | None:
    def comments(file: Dockerfile) -> Counter[str]:
        return Counter(line.text.strip() for line in file.lines if line.kind == LineKind.COMMENT)

    return None if comments(before) == comments(after) else "a comment changed or is gone"


def _same_directives(before: Dockerfile, after: Dockerfile) -> str | None:
    return None if before.directives == after.directives else "a parser directive changed"


def _same_stages(before: Facts, after: Facts) -> str | None:
    def stages(facts: Facts) -> list[tuple[str, str | None]]:
        return [(stage.base, stage.name) for stage in facts.stages]

    return None if stages(before) == stages(after) else "a stage's base or name changed"


def _same_packages(before: Facts, after: Facts) -> str | None:
    def packages(facts: Facts) -> Counter[tuple[str, tuple[str, ...], object]]:
        installs = (install for stage in facts.stages for run in stage.runs for install in run.installs)
        return Counter((install.manager.name, install.packages, install.pip) for install in installs)

    return None if packages(before) == packages(after) else "the set of installed packages changed"


_STARTS = {
    "CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "HEALTHCHECK": "Healthcheck", "EXPOSE": "ExposedPorts", "VOLUME": "Volumes",
    "STOPSIGNAL": "StopSignal", "ONBUILD": "OnBuild",
}  # fmt: skip
"""Instructions, and the key of the image's configuration that each one sets."""


def _same_start(before: Facts, after: Facts, effects: Effects) -> str | None:
    """What starts and checks the service stays word for word, but for keys that the fix declares.

    Only what reaches an image counts: of several CMDs in one stage, the last.
    """

    def starts(facts: Facts) -> Counter[str]:
        found: Counter[str] = Counter()
        for stage in facts.stages:
            last = {i.keyword: i for i in stage.instructions if i.keyword in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}}
            every = (i for i in stage.instructions if i.keyword in _STARTS and last.get(i.keyword, i) is i)
            found.update(i.logical.text for i in every if _STARTS[i.keyword] not in effects.config)
        return found

    return None if starts(before) == starts(after) else "what starts or checks the service changed"


def broken_context(fleet: Fleet, texts: Mapping[str, str | None], effects: Effects) -> str | None:
    """What a change of ignore files may not do: no COPY loses its source, and unless declared no file stays behind."""
    if not any(path.endswith(".dockerignore") for path in texts):
        return None
    tree = OverlayTree(fleet.tree, texts)
    for file in fleet.files:
        for context in file.contexts:
            following = replace(context, tree=tree)
            if {context.ignore_path, following.ignore_path}.isdisjoint(texts):
                continue
            if following.ignore_problem and not context.ignore_problem:
                return f"`{following.ignore_path}` cannot be read: {following.ignore_problem}"
            for copy in (copy for stage in file.stages for copy in stage.copies):
                reason = _copies_less(copied_files(copy, context), copied_files(copy, following), effects)
                if reason:
                    return f"`{file.path}` line {copy.instruction.start_line}: {reason}"
    return None


def _copies_less(before: Mapping[str, str], after: Mapping[str, str], effects: Effects) -> str | None:
    gone = set(before) - set(after)
    if not gone:
        return None
    first = before[min(gone)]
    if not after:
        return f"nothing of `{first}` and what is copied with it is left"
    return None if effects.context else f"`{first}` would not be copied any more"


def broken_compose(fleet: Fleet, texts: Mapping[str, str | None], effects: Effects) -> str | None:
    """What a change of compose files may not do: as data only what is declared differs, and every comment is still there."""
    for path in (path for path in texts if path in fleet.compose_files):
        before, text = read_documents(fleet.tree, path), texts[path]
        if isinstance(before, Unreadable | YamlProblem) or text is None:
            return f"`{path}` cannot be read, or is to go"
        try:
            after = [document.data for document in load_documents(Source(path, text))]
        except YamlProblem as problem:
            return f"`{path}` would not be readable at line {problem.line}: {problem.message}"
        settings = [setting for setting in effects.settings if setting.file == path]
        wanted = [document.data for document in before]
        for setting in settings:
            wanted[setting.document] = setting.applied(wanted[setting.document])
        if after != wanted:
            return f"`{path}` would differ in more than what the fix says"
        source = fleet.tree.read(path)
        if not isinstance(source, Unreadable) and _yaml_comments(source.text) - _yaml_comments(text):
            return f"a comment of `{path}` would be gone"
    return None


def broken_scripts(fleet: Fleet, texts: Mapping[str, str | None]) -> str | None:
    """A script that could be read before can be read afterwards."""
    for part in fleet.scripts:
        text = texts.get(part.path)
        if text is not None and part.offset is not None and not part.script.broken and replace(part, text=text).script.broken:
            return f"`{part.path}` could not be read any more"
    return None


def _yaml_comments(text: str) -> Counter[str]:
    """What stands behind each `#` that may begin a comment; those inside a string count alike on both sides."""
    return Counter(match[0].rstrip() for match in re.finditer(r"(?m)(?:^|(?<=\s))#.*$", text))
