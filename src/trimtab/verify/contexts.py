"""The experiments about a file of a context, mostly an ignore file: every image that it changes is built with the old and the
new one."""

import posixpath
from collections.abc import Iterator, Mapping

from trimtab.fleet import Build, BuildContext, Fleet, FleetFile, rediscover
from trimtab.fleet.copies import copied_files
from trimtab.fleet.stage import Copy
from trimtab.rewrite import FileChange
from trimtab.rules import Effects
from trimtab.verify.company import Shared
from trimtab.verify.evidence import Evidence, Trial, Verdict, VerdictKind
from trimtab.verify.experiment import Candidate, Experiment
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.memory import builds_of
from trimtab.verify.staged import Staged


async def prove_context(
    laboratory: Laboratory, shared: Shared, change: FileChange, texts: Mapping[str, str | None], number: int
) -> Evidence:
    """Whether all images stay what they are, but for what a new ignore file keeps back, and what its fixes declare."""
    fleet = laboratory.fleet
    following = rediscover(fleet, dict(texts))
    trials: list[Trial] = []
    services: dict[str, None] = {}
    sent = [0, 0]
    for index, (file, build, context) in enumerate(_affected(fleet, following, texts)):
        laboratory.progress(change.path, f"building {file.path} with it")
        services.update(dict.fromkeys(file.service_names))
        trial, pair = await _tried(laboratory, shared, change, (file, build, context), texts, number + 2 * index)
        if trial is not None:
            trials.append(trial)
            sent = [one + other for one, other in zip(sent, pair, strict=True)]
        if trial is not None and trial.verdict.kind is not VerdictKind.ACCEPTED:
            break
    verdict = _verdict(trials)
    laboratory.progress(change.path, str(verdict.kind))
    titles = tuple(dict.fromkeys(fix.title for fix in change.applied))
    accepted = change.rules if verdict.kind is VerdictKind.ACCEPTED else ()
    return Evidence(
        change.path, tuple(services), verdict, accepted, titles, tuple(trials), before_context=sent[0], after_context=sent[1]
    )


def _affected(
    fleet: Fleet, following: Fleet, texts: Mapping[str, str | None]
) -> Iterator[tuple[FleetFile, Build, BuildContext]]:
    """Every build whose context is another one afterwards, or that copies a changed file, with its context then."""
    for file in fleet.files:
        now = following.file(file.path)
        for build in builds_of(file) if now else ():
            old = next((context for context in file.contexts if context.root == build.context), None)
            new = next((context for context in now.contexts if context.root == build.context), None) if now else None
            if old and new and (set(old.visible) != set(new.visible) or _copies(file, new, texts)):
                yield file, build, new


def _copies(file: FleetFile, context: BuildContext, texts: Mapping[str, str | None]) -> bool:
    """Whether an image gets one of the files from its context by name, or within a folder."""
    copies = (copy for stage in file.stages for copy in stage.copies if copy.from_ is None)
    brought = {context.tree_path(path) for copy in copies for path in copied_files(copy, context).values()}
    return not brought.isdisjoint(texts)


async def _tried(
    laboratory: Laboratory, shared: Shared, change: FileChange,
    affected: tuple[FleetFile, Build, BuildContext], texts: Mapping[str, str | None], number: int,
) -> tuple[Trial | None, tuple[int, int]]:  # fmt: skip
    """One image from both contexts, and the bytes sent; no trial when the original does not build."""
    file, build, context = affected
    old = next(each for each in file.contexts if each.root == build.context)
    text = file.dockerfile.source.text
    before = Staged(laboratory, file, build, old, number)
    after = Staged(laboratory, file, build, context, number + 1, texts)
    try:
        experiment = Experiment(before, shared, text)
        if await experiment.prepare() is not None:
            return None, (0, 0)
        await after.stage()
        effects = change.effects.joined(_effects(file, old, context, texts))
        trial = await experiment.try_out(Candidate(change.rules, text, effects, after))
        bytes_sent = [(await staged.sent("sent", text)).log.context_bytes for staged in (before, after)]
        return trial, (bytes_sent[0], bytes_sent[1])
    finally:
        before.workspace.remove()
        after.workspace.remove()
        await before.forget_all()
        await after.forget_all()


def _effects(file: FleetFile, old: BuildContext, new: BuildContext, texts: Mapping[str, str | None]) -> Effects:
    """What becomes of the image by the new context alone: files that are kept back do not get there."""
    kept_back = set(old.visible) - set(new.visible)
    copies = [copy for stage in file.stages for copy in stage.copies if copy.from_ is None]
    brought = {image: path for copy in copies for image, path in copied_files(copy, old).items()}
    gone = {image for image, path in brought.items() if path in kept_back}
    # A folder may hold more than the fleet has walked through, such as `.git`: it goes with everything in it.
    folders = [path for path in kept_back if old.visible[path].kind == "dir"]
    for image in (image for copy in copies for path in folders for image in _folder_in_image(copy, path)):
        gone |= {image, f"{image}/**"}
    # An ignore file may itself be among the files that a COPY brings.
    own = tuple(f"{folder}/{posixpath.basename(path)}" for path in texts for folder in ("", "/**"))
    contents = tuple(image for image, path in brought.items() if new.tree_path(path) in texts)
    return Effects(removes=(*sorted(gone), *own), changes=own, context=True, contents=contents)


def _folder_in_image(copy: Copy, path: str) -> Iterator[str]:
    """Where a COPY puts a folder of the context that lies below one of its sources."""
    for source in copy.sources:
        root = posixpath.normpath(source).lstrip("/")
        if root == "." or path.startswith(root + "/"):
            yield posixpath.join(copy.destination, path if root == "." else path[len(root) + 1 :])


def _verdict(trials: list[Trial]) -> Verdict:
    if not trials:
        return Verdict(VerdictKind.INCONCLUSIVE, "no image that builds is changed by it")
    last = trials[-1].verdict
    if last.kind is not VerdictKind.ACCEPTED:
        return last
    return Verdict(VerdictKind.ACCEPTED, f"{len(trials)} images are the same but for what is declared, and behave the same")
