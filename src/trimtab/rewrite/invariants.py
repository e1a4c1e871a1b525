"""What no fix may break, checked on every result before it is kept."""

from collections import Counter

from trimtab.fleet import Facts
from trimtab.rules import Effects
from trimtab.syntax.dockerfile import Dockerfile, LineKind


def broken_invariant(before: Facts, after: Facts, effects: Effects) -> str | None:
    """The first invariant that a rewritten file breaks, None when all hold."""
    checks = (
        _parses(after.dockerfile),
        _same_heredocs(before.dockerfile, after.dockerfile),
        _same_comments(before.dockerfile, after.dockerfile),
        _same_directives(before.dockerfile, after.dockerfile),
        _same_stages(before, after),
        None if effects.packages_removed else _same_packages(before, after),
        _same_start(before, after),
    )
    return next((reason for reason in checks if reason), None)


def _parses(file: Dockerfile) -> str | None:
    return f"line {file.problems[0].line}: {file.problems[0].message}" if file.problems else None


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


def _same_start(before: Facts, after: Facts) -> str | None:
    """What starts and checks the service stays word for word."""

    def starts(facts: Facts) -> list[str]:
        keywords = {"CMD", "ENTRYPOINT", "HEALTHCHECK", "EXPOSE", "VOLUME", "STOPSIGNAL", "ONBUILD"}
        return [i.logical.text for i in facts.dockerfile.instructions if i.keyword in keywords]

    return None if starts(before) == starts(after) else "what starts or checks the service changed"
