"""What a target of a Dockerfile needs: its stages, and the images outside the file."""

import re
from collections.abc import Iterator, Mapping, Sequence

from trimtab.fleet.bases import read_reference
from trimtab.fleet.stage import VARIABLE, Stage

_PLATFORM = re.compile(r"\$\{?(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)\b")
"""What only the builder gives a value to, by the platform it builds for."""


def needed_stages(stages: Sequence[Stage], target: str | None) -> tuple[Stage, ...]:
    """The stages that BuildKit builds for a target: its own line, and every stage that they copy or mount from."""
    if not stages:
        return ()
    named = {key: stage for stage in stages for key in (str(stage.index), (stage.name or "").lower()) if key}
    wanted = named.get((target or "").lower()) if target else stages[-1]
    found: set[int] = set()
    pending = [wanted or stages[-1]]
    while pending:
        stage = pending.pop()
        if stage.index in found:
            continue
        found.add(stage.index)
        pending += [stages[stage.parent]] if stage.parent is not None else []
        pending += [named[name.lower()] for name, _ in _sources(stage) if name.lower() in named]
        pending += [other for other in stages[: stage.index] if other.name and _may_be_named(stage, other.name)]
    return tuple(stage for stage in stages if stage.index in found)


def _may_be_named(stage: Stage, name: str) -> bool:
    """Whether a stage starts or copies from one of this name on some platform: `FROM base-$TARGETARCH`."""
    froms = [word.raw for word in stage.instructions[0].words[:1]]
    froms += [origin.value for copy in stage.copies if (origin := copy.instruction.flag("from")) and origin.value]
    froms += [mount["from"] for run in stage.runs for mount in run.instruction.mounts() if mount.get("from")]
    patterns = (".*".join(re.escape(part) for part in VARIABLE.split(text)) for text in froms if _PLATFORM.search(text))
    return any(re.fullmatch(pattern, name, re.IGNORECASE) for pattern in patterns)


def normal_reference(text: str) -> str:
    """An image reference with what docker adds to it: `python` is `docker.io/library/python:latest`."""
    reference = read_reference(text.removeprefix("docker-image://"))
    first, slash, _ = reference.path.partition("/")
    path = reference.path
    if not slash:
        path = f"docker.io/library/{path}"
    elif "." not in first and ":" not in first and first != "localhost":
        path = f"docker.io/{path}"
    if reference.digest:
        return f"{path}@{reference.digest}"
    return f"{path}:{reference.tag or 'latest'}"


def outside_references(stages: Sequence[Stage]) -> Mapping[str, str]:
    """Every image and named context that needed stages name, other stages left out, and the instruction that does."""
    own = {(stage.name or "").lower() for stage in stages} | {str(stage.index) for stage in stages}
    found: dict[str, str] = {}
    for stage in stages:
        if stage.parent is None and stage.base and stage.base != "scratch":
            found.setdefault(stage.base, "FROM")
        for name, instruction in _sources(stage):
            if name.lower() not in own:
                found.setdefault(name, instruction)
    return found


def _sources(stage: Stage) -> Iterator[tuple[str, str]]:
    """What a stage copies or mounts from, beside the build context."""
    for copy in stage.copies:
        if copy.from_ is not None:
            yield copy.from_, "COPY --from"
    for run in stage.runs:
        for mount in run.instruction.mounts():
            if mount.get("from"):
                yield mount["from"], "RUN --mount"
