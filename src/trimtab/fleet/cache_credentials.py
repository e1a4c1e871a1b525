"""What one instruction downloads with and another one that uses the same dependencies does not have."""

import re

from trimtab.fleet.facts import Facts
from trimtab.fleet.managers import Manager
from trimtab.fleet.stage import Run, Stage, mount_target

_SECRET = re.compile(
    r"\.netrc|\.git-credentials|\.ssh\b|\bid_(?:rsa|ed25519|ecdsa)\b|settings(?:-security)?\.xml|credentials\.toml"
)
_INLINE = re.compile(
    r"(?<![\w$])(GOPROXY|GOPRIVATE|GONOPROXY|GOSUMDB|GONOSUMDB|GOINSECURE|(?i:https?|all)_(?i:proxy))=[\"']?(?!off\b)\S"
)
_KEPT = re.compile(r"\bgo env -w [^;&|]*")
"""What stays in the image for every later instruction."""


def lacks_credentials(facts: Facts, stage: Stage, manager: Manager) -> str | None:
    """Why an instruction could not download what the mount may not hold: another one alone is told how.

    The downloading instruction may come from a layer cache and not be run, while the mount of this builder is empty; the
    one that builds then downloads by itself.
    """
    indexes = dict.fromkeys(one.index for one in (*facts.lineage(stage), *facts.descendants(stage)))
    runs = [run for i in indexes for run in facts.stages[i].runs if any(each.manager is manager for each in run.installs)]
    if len(runs) < 2:
        return None
    given = [_given(run) for run in runs]
    missing = next((what for each in given for what in each if any(what not in other for other in given)), None)
    if missing is None:
        return None
    return f"{missing} is there for one instruction only, and another may have to download as well"


def _given(run: Run) -> list[str]:
    mounts = [mount for kind in ("secret", "ssh") for mount in run.mounts(kind)]
    found = [f"`{mount.get('id') or mount_target(mount) or mount['type']}`" for mount in mounts]
    text = _KEPT.sub("", run.instruction.logical.text)
    found += [f"`{name}`" for name in _INLINE.findall(text)]
    removed = (word for command in run.commands("rm") for word in command.words[1:])
    found += [f"`{match[0]}`" for word in removed if (match := _SECRET.search(word))]
    return list(dict.fromkeys(found))
