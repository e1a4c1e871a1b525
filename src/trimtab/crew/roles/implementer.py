"""The implementer: changes what was asked for, and keeps what is proven."""

from collections.abc import Iterable, Mapping

from trimtab.crew.conclude import Claims, claim_generated, conclude
from trimtab.crew.instructions import Topic
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Standing, Step
from trimtab.crew.policy import changing_rules
from trimtab.fleet.plain import items, mapping

_DEPLOYING = (Topic.DEPLOYMENT, Topic.ZERO_DOWNTIME, Topic.ROLLBACK, Topic.GRACEFUL_SHUTDOWN, Topic.DEPLOY_SCRIPTS)
_BUILDING = (Topic.BUILD_SCRIPTS, Topic.BUILD_PROCESS, Topic.PARALLEL_BUILDS, Topic.PROGRESS, Topic.ERROR_HANDLING)
_SCRIPTS = ("SC",)
_UNSAFE = "--unsafe"
"""What `trimtab fix` names in its reason where a fix is there and was not applied."""
PIPELINE = (Topic.CI, Topic.BUILD_PROCESS, Topic.DEPLOYMENT)
"""What asks for a pipeline."""


async def implementer(brief: Brief, do: Do) -> Report:
    """Proves and keeps changes of images and compose files, mends scripts, and generates what was asked for beside them.

    With a branch, everything goes there, and the user's tree stays as it is.
    """
    claims, left = Claims(brief, Role.IMPLEMENTER), list[Left]()
    steps: list[Done] = []
    changed = False
    built = [code for code in changing_rules(brief.instruction) if not code.startswith(_SCRIPTS)]
    if built and _names_images(brief):
        proof = await do(_optimize(brief, built))
        steps.append(proof)
        changed = bool(_accepted(proof))
        _claim_proof(claims, proof)
        left.extend(_not_kept(proof))
    if not any(done.trouble for done in steps):
        await brief.check_out()
        for step in _further(brief):
            done = await do(step)
            steps.append(done)
            claim = _claim_mended if done.step.name == "scripts-mended" else claim_generated
            changed = claim(claims, done, left) or changed
        await brief.commit(_message(steps))
    standing = Standing.DONE if changed else Standing.UNCHANGED
    said = _said(steps, changed=changed)
    return conclude(Role.IMPLEMENTER, said, steps, standing=standing, claims=claims.found, left=left)


def _message(steps: Iterable[Done]) -> str:
    """What the commit behind the proven changes brings."""
    mended = [
        mapping(each) for done in steps if done.step.name == "scripts-mended" for each in items(mapping(done.data).get("files"))
    ]
    if any(each.get("changed") is True for each in mended):
        return "Mend the scripts, and generate what trimtab was asked for"
    return "Generate what trimtab was asked for"


def _names_images(brief: Brief) -> bool:
    return not brief.files or any(not file.endswith((".sh", ".ps1", ".bash")) for file in brief.files)


def _names_scripts(brief: Brief) -> bool:
    return not brief.files or any(file.endswith((".sh", ".ps1", ".bash")) for file in brief.files)


def _optimize(brief: Brief, rules: Iterable[str]) -> Step:
    files = tuple(str(brief.root / file) for file in brief.files) or (str(brief.root),)
    target = ("--branch", brief.branch) if brief.branch else ()
    return Step("optimize", ("optimize", *files, "--select", ",".join(rules), *target, *brief.effort, *brief.settings))


def _further(brief: Brief) -> Iterable[Step]:
    """Scripts are mended in place where that is safe; the rest are files that trimtab generates."""
    tree = str(brief.tree)
    scripts = [code for code in changing_rules(brief.instruction) if code.startswith(_SCRIPTS)]
    if scripts and _names_scripts(brief):
        words = ("fix", *brief.where, "--select", ",".join(scripts), *brief.settings)
        yield Step("scripts-mended", words)
    if brief.asks(*_DEPLOYING, *_BUILDING) and _names_scripts(brief):
        yield Step("scripts", ("scripts", tree, *_wanted_scripts(brief), *brief.settings))
    if brief.asks(*PIPELINE) and not brief.files:
        yield Step("pipeline", ("ci", tree, *brief.settings))


def _wanted_scripts(brief: Brief) -> tuple[str, ...]:
    """The jobs and shells of the files that are named; without files, those that were asked for."""
    if not brief.files:
        return ()
    shells = {".ps1": "powershell", ".sh": "bash", ".bash": "bash"}
    named = [file for file in brief.files if file.endswith(tuple(shells))]
    found = dict.fromkeys(shells[file[file.rindex(".") :]] for file in named)
    folder = named[0].rpartition("/")[0]
    return ("--output-dir", folder or ".", "--shell", ",".join(found), "--only", ",".join(_jobs(brief, named)))


def _jobs(brief: Brief, named: Iterable[str]) -> Iterable[str]:
    """The jobs that scripts are called after, else those that are asked for; rollback only where it is asked for."""
    names = [file.rpartition("/")[2].lower() for file in named]
    jobs = [job for job in ("deploy", "build") if any(job in name for name in names)]
    if not jobs:
        jobs = ["deploy"] * brief.asks(*_DEPLOYING) + ["build"] * brief.asks(*_BUILDING)
    return jobs + ["rollback"] * brief.asks(Topic.ROLLBACK)


def _accepted(proof: Done) -> list[str]:
    found = (mapping(each) for each in items(mapping(proof.data).get("files")))
    return [str(each.get("path")) for each in found if each.get("verdict") == "accepted"]


def _claim_proof(claims: Claims, proof: Done) -> None:
    claims.add(proof, "evidence, below .trimtab/runs", "run")
    claims.add(proof, "files with an accepted change", "files", only=("verdict", "accepted"), counted=True)
    claims.add(proof, "files whose change was rejected", "files", only=("verdict", "rejected"), counted=True)
    claims.add(proof, "files that could not be decided", "files", only=("verdict", "inconclusive"), counted=True)
    for number, each in enumerate(items(mapping(proof.data).get("totals"))):
        total = mapping(each)
        name, unit = f"{total.get('name')}, images: {total.get('images')}", str(total.get("unit"))
        before = claims.read(proof, name, "totals", number, "before", unit=unit)
        claims.add(proof, name, "totals", number, "after", unit=unit, earlier=before)


def _not_kept(proof: Done) -> Iterable[Left]:
    """Every file that stays as it was, and every change that was not kept in one that does not, with the reason."""
    for each in map(mapping, items(mapping(proof.data).get("files"))):
        path = str(each.get("path"))
        if each.get("verdict") != "accepted":
            yield Left(path, f"{each.get('verdict')}: {each.get('reason')}")
            continue
        for trial in map(mapping, items(each.get("trials"))):
            if trial.get("verdict") != "accepted":
                rules = ", ".join(map(str, items(trial.get("rules"))))
                yield Left(f"{path} {rules}", f"{trial.get('verdict')}: {trial.get('reason')}")


def _claim_mended(claims: Claims, done: Done, left: list[Left]) -> bool:
    """Which scripts were mended in their place, and what in them cannot be; whether one was."""
    mended = claims.add(done, "scripts mended", "files", only=("changed", True), counted=True)
    left.extend(_unmended(mapping(each) for each in items(mapping(done.data).get("files"))))
    return bool(mended and mended.value)


def _unmended(files: Iterable[Mapping[str, object]]) -> Iterable[Left]:
    """What a script does that no fix mends in its place, and what is mended only where somebody looks at it."""
    for file in files:
        found = [mapping(each) for each in items(file.get("skipped"))]
        script = [each for each in found if str(each.get("rule")).startswith(_SCRIPTS)]
        unsafe = dict.fromkeys(str(each.get("rule")) for each in script if _UNSAFE in str(each.get("reason")))
        refused = dict.fromkeys(str(each.get("rule")) for each in script if str(each.get("rule")) not in unsafe)
        path = str(file.get("path"))
        if unsafe:
            how = f"`trimtab fix {path} {_UNSAFE}`, and look at it"
            yield Left(
                path, f"has what is not mended without being told to, as no run of it is tried out: {', '.join(unsafe)}", how
            )
        if refused:
            how = "the scripts that `trimtab scripts` writes do not do it"
            yield Left(path, f"has what cannot be mended in its place: {', '.join(refused)}", how)


def _said(steps: list[Done], *, changed: bool) -> str:
    if not steps:
        return "nothing of what was asked for is done by changing files"
    proof = next((done for done in steps if done.step.name == "optimize"), None)
    if not changed:
        return (
            "nothing was changed" if proof is None else "nothing was changed: nothing was left to change, or nothing was proven"
        )
    if proof is None:
        return "files were written; nothing of that had to be built"
    kept = len(_accepted(proof))
    return f"{kept} files are changed as proven" if kept else "files were generated; no change of an image was proven"
