"""What compose itself reads in every compose file of a folder, before and after each way in which trimtab changes them.

    bench/compose_meaning.py FOLDER

Every project is asked with `docker compose config` as it is and after `fix`, `fix --unsafe`, what `optimize` would try, and
what `startup`, `networks` and `resources` propose, each for itself. Only keys that the change declares may differ; what else
differs is printed, and the exit code is 1. Works on a copy of the compose files; an `env_file` that is missing is made, empty.
Variables are not put in, so that a difference is of the files alone. Needs docker's client with compose, no engine.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from trimtab.fleet import ComposeProject, DiskTree, Fleet, discover
from trimtab.fleet.compose.apply import Want, settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.isolation import plan
from trimtab.fleet.compose.settings import Setting
from trimtab.fleet.compose.sizing import propose
from trimtab.fleet.compose.startup import wants
from trimtab.fleet.plain import items, mapping
from trimtab.rewrite import ChangeSet, rewrite

Keys = tuple[str, ...]
Changed = Mapping[str, str]
Way = Callable[[Fleet, ComposeProject], tuple[Changed, Sequence[Setting]]]

# Where compose writes what a key of the file says, where that is not the key itself.
ELSEWHERE = {"cpus": ("deploy", "resources"), "mem_limit": ("deploy", "resources"), "mem_reservation": ("deploy", "resources")}


def config(folder: Path, files: Sequence[str]) -> Mapping[str, object] | str:
    """A project as compose reads it, or why it refuses it."""
    named = [word for file in files for word in ("--file", str(folder / file))]
    base = ["docker", "compose", "--project-directory", str((folder / files[0]).parent), "--project-name", "p", *named]
    every = [*base, "--profile", "*", "config", "--no-interpolate", "--format", "json"]
    done = subprocess.run(every, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "level=warning" not in line]
        return said[-1] if said else f"ended with {done.returncode}"
    return mapping(json.loads(done.stdout))


def differences(before: object, after: object, at: Keys = ()) -> Iterator[Keys]:
    """The places where two readings differ; what only one of them has is followed to its last keys."""
    if before == after:
        return
    one, other = mapping(before), mapping(after)
    if (one or other) and all(each is None or isinstance(each, dict) for each in (before, after)):
        for key in sorted({*one, *other}):
            if (key in one) == (key in other):
                yield from differences(one[key], other[key], (*at, key))
            else:
                yield from (
                    differences(one.get(key), other.get(key), (*at, key)) if one.get(key) or other.get(key) else [(*at, key)]
                )
    else:
        yield at


def declared(settings: Sequence[Setting]) -> set[Keys]:
    """The places that a change says it changes, as compose names them."""
    found: set[Keys] = set()
    for setting in settings:
        path = tuple(str(part) for part in setting.path)
        found.add(path)
        if len(path) > 2 and path[0] == "services":
            found |= {(*path[:2], *ELSEWHERE[path[2]])} if path[2] in ELSEWHERE else set()
    return found


def is_declared(place: Keys, known: set[Keys]) -> bool:
    """Whether a place is a declared one, or in it."""
    return any(place[: len(each)] == each for each in known)


def fixed(*, unsafe: bool, proof: bool) -> Way:
    known: dict[int, ChangeSet] = {}

    def way(fleet: Fleet, project: ComposeProject) -> tuple[Changed, Sequence[Setting]]:
        if id(fleet) not in known:
            known[id(fleet)] = rewrite(fleet, unsafe=unsafe, proof=proof)
        changed = [each for each in known[id(fleet)].changed if each.path in project.files]
        return {each.path: each.text for each in changed}, [s for each in changed for s in each.effects.settings]

    return way


def settled(wanted: Callable[[ComposeFacts], Sequence[Want]]) -> Way:
    def way(fleet: Fleet, project: ComposeProject) -> tuple[Changed, Sequence[Setting]]:
        found = settle(fleet, project, wanted(ComposeFacts(fleet, project)))
        return found.texts, found.settings

    return way


WAYS: Mapping[str, Way] = {
    "fix": fixed(unsafe=False, proof=False),
    "fix --unsafe": fixed(unsafe=True, proof=False),
    "optimize": fixed(unsafe=True, proof=True),
    "startup": settled(wants),
    "networks": settled(lambda facts: plan(facts).wants),
    "resources": settled(lambda facts: [want for each in propose(facts) for want in each.wants]),
}


def copied(fleet: Fleet, root: Path, folder: Path) -> None:
    """The compose files, with everything that they name and compose reads."""
    for file in fleet.compose_files:
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / file).read_bytes())
    for project in fleet.projects:
        for service in project.services:
            for item in items(service.body.get("env_file")) or [service.body.get("env_file")]:
                name = item if isinstance(item, str) else mapping(item).get("path")
                if isinstance(name, str) and "$" not in name:
                    path = (folder / project.files[0]).parent / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()


def compare(fleet: Fleet, project: ComposeProject, folder: Path) -> int:
    """Print what differs in one project; how many places do that nobody has declared."""
    before = config(folder, project.files)
    name = ", ".join(project.files)
    if isinstance(before, str):
        print(f"{name}: compose refuses it: {before.replace(str(folder), '').strip()}")
        return 0
    wrong = 0
    for title, way in WAYS.items():
        texts, settings = way(fleet, project)
        kept = {path: (folder / path).read_bytes() for path in texts}
        for path, text in texts.items():
            (folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))
        after = config(folder, project.files)
        for path, data in kept.items():
            (folder / path).write_bytes(data)
        if isinstance(after, str):
            print(f"{name}: {title}: compose refuses it afterwards: {after}")
            wrong += 1
            continue
        places, known = list(differences(before, after)), declared(settings)
        surprises = [place for place in places if not is_declared(place, known)]
        print(f"{name}: {title}: {len(settings)} settings, {len(places)} differences, {len(surprises)} not declared")
        for place in surprises:
            print(f"    {'.'.join(place)}")
        wrong += len(surprises)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    root: Path = parser.parse_args().folder
    fleet = discover(DiskTree(root))
    with tempfile.TemporaryDirectory(prefix="trimtab-") as name:
        folder = Path(name).resolve()
        copied(fleet, root, folder)
        wrong = sum(compare(fleet, project, folder) for project in fleet.projects)
    print(f"{len(fleet.projects)} projects, {wrong} differences that nobody has declared")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
