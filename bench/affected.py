"""Whether `trimtab build --since` leaves out a target that a commit really changes: BuildKit itself is asked, commit by commit.

    bench/affected.py REPOSITORY [--until HEAD] [--commits 100]

The last commits that one branch saw are replayed into a repository of the bench's own, blobs that the copy lacks left out.
After each one trimtab says what the commit affects, and BuildKit builds every target from a Dockerfile that reads the same
inputs and costs nothing: bases become `scratch`, commands become labels of their text, and everything that reads the context
stays. A target has really changed when its image has another id. Prints recall (must be 100 %), precision, and what was missed.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from trimtab.build import Graph, Target, Wanted, build_graph
from trimtab.build.affected import Reach, affected
from trimtab.build.inputs import readings
from trimtab.build.since import fleet_before
from trimtab.docker import ProcessRunner
from trimtab.fleet import DiskTree, discover
from trimtab.fleet.stage import Stage
from trimtab.fleet.stages import read_stages
from trimtab.git import changes_since
from trimtab.syntax.dockerfile import Instruction

_FLAG = re.compile(r"--(?:chown|chmod|link|keep-git-dir|checksum)(?:=\S+)?\s*")
EVERYTHING = Wanted(everything=True)


@dataclass
class Replay:
    """A repository of our own that takes over the commits of another one."""

    source: Path
    root: Path
    at: str = ""

    def git(self, *words: str) -> str:
        argv = ["git", "-C", str(self.root), "-c", "user.name=b", "-c", "user.email=b@example.com", *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, errors="replace").stdout

    def commit(self, revision: str) -> None:
        """Bring the tree to a revision and commit it."""
        if not self.at:
            self.git("init", "-q")
        words = ("--raw", "-z", "--no-renames", "--no-abbrev")
        listed = self.read("diff", *words, self.at, revision) if self.at else self.read("ls-tree", "-r", "-z", revision)
        entries = list(raw(listed) if self.at else trees(listed))
        with subprocess.Popen(
            ["git", "-C", str(self.source), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as reader:
            for mode, identity, path in entries:
                self.take(reader, mode, identity, path)
            assert reader.stdin is not None
            reader.stdin.close()
        self.at = revision
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", revision)

    def take(self, reader: "subprocess.Popen[bytes]", mode: str, identity: str, path: str) -> None:
        """One file as it is now; one that is gone, or that the copy does not have, goes."""
        target = self.root / path
        target.unlink(missing_ok=True)
        if mode not in {"100644", "100755", "120000"}:
            return
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write(f"{identity}\n".encode())
        reader.stdin.flush()
        head = reader.stdout.readline().split()
        if head[1] == b"missing":
            return
        content = reader.stdout.read(int(head[2]) + 1)[:-1]
        target.parent.mkdir(parents=True, exist_ok=True)
        if mode == "120000":
            target.symlink_to(os.fsdecode(content))
        else:
            target.write_bytes(content)
            target.chmod(0o755 if mode == "100755" else 0o644)

    def read(self, *words: str) -> str:
        argv = ["git", "-C", str(self.source), *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, errors="surrogateescape").stdout


def trees(listed: str) -> Iterator[tuple[str, str, str]]:
    """Mode, id and path of every file of a tree."""
    for entry in listed.split("\0")[:-1]:
        about, _, path = entry.partition("\t")
        mode, _, identity = about.split(" ")
        yield mode, identity, path


def raw(listed: str) -> Iterator[tuple[str, str, str]]:
    """The same of what differs; a mode of zeros for a file that is gone."""
    parts = listed.split("\0")
    for about, path in zip(parts[::2], parts[1::2], strict=False):
        _, mode, _, identity, _ = about.split(" ")
        yield mode, identity, path


@dataclass
class Oracle:
    """BuildKit's word on which targets a commit changes."""

    folder: Path
    broken: set[str] = field(default_factory=set[str])
    """Targets that do not build; they are left out from then on."""

    def images(self, root: Path, graph: Graph) -> dict[str, str]:
        """The id of each target's image; a target that does not build has none."""
        targets = {
            name: self.described(root, target) for name, target in graph.targets.items() if target.file and target.context
        }
        while targets:
            file, facts = self.folder / "bake.json", self.folder / "facts.json"
            file.write_text(json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets}))
            facts.unlink(missing_ok=True)
            argv = ["docker", "buildx", "bake", "--file", str(file), "--metadata-file", str(facts), "--progress", "plain"]
            done = subprocess.run([*argv, "--allow", "fs.read=*"], cwd=root, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                data = json.loads(facts.read_text())
                return {name: data[name]["containerimage.config.digest"] for name in targets}
            blamed = re.findall(r"target (\S+): failed|\[(\S+) (?:\S+ )?\d+/\d+\] \S.*\n.*ERROR", done.stdout + done.stderr)
            names = [name for pair in blamed for name in pair if name in targets]
            if not names:
                raise RuntimeError((done.stderr or done.stdout)[-2000:])
            self.broken.add(names[0])
            del targets[names[0]]
        return {}

    def described(self, root: Path, target: Target) -> dict[str, object]:
        assert target.file is not None
        assert target.context is not None
        path = self.folder / f"{target.name}.Dockerfile"
        path.write_text("\n".join(plain(target)) + "\n", errors="surrogateescape")
        ignore = path.with_name(path.name + ".dockerignore")
        used = target.context.ignore_path
        ignore.write_bytes((root / used).read_bytes() if used else b"")
        return {
            "context": str(root / target.context.root),
            "dockerfile": str(path),
            "target": target.build.target,
            "args": {**target.build.args, "SOURCE_DATE_EPOCH": "0"},
            "tags": [f"trimtab-oracle:{target.name}"],
            "output": ["type=docker"],
            "attest": ["type=provenance,disabled=true"],
        }


def may_build(target: Target) -> bool:
    """Whether everything that it copies is there: a build that fails tells nothing."""
    context = target.context
    if target.file is None or context is None:
        return False
    plain_sources = (source for reading in readings(target) for source in reading.sources if not re.search(r"[*?\[]", source))
    return all(context.exists(source) for source in plain_sources)


def plain(target: Target) -> Iterator[str]:
    """The Dockerfile that reads what the real one reads, and does nothing."""
    assert target.file is not None
    dockerfile = target.file.dockerfile
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM":
            break
        yield instruction.logical.text
    directives = digest(repr(sorted(dockerfile.directives.items())))
    for stage in read_stages(dockerfile, target.build.args):
        yield from of_stage(stage, directives)


def of_stage(stage: Stage, directives: str) -> Iterator[str]:
    base = "scratch" if stage.parent is None else stage.base
    yield f"FROM {base} AS {stage.name}" if stage.name else f"FROM {base}"
    yield f'LABEL of{stage.index}="{digest(stage.instructions[0].logical.text + stage.base + directives)}"'
    for number, instruction in enumerate(stage.instructions[1:]):
        yield from of_instruction(stage, instruction, f"{stage.index}-{number}")


def of_instruction(stage: Stage, instruction: Instruction, number: str) -> Iterator[str]:
    text = instruction.logical.text + "".join(heredoc.content for heredoc in instruction.heredocs)
    if instruction.keyword == "ARG":
        yield instruction.logical.text
        names = (word.raw.partition("=")[0] for word in instruction.words)
        yield from (f'LABEL arg{number}-{name}="${name}"' for name in names)
    elif instruction.keyword in {"RUN", "COPY", "ADD", "USER", "SHELL", "MAINTAINER", "ONBUILD"}:
        yield f'LABEL at{number}="{digest(text)}"'
        yield from bound(instruction, number) if instruction.keyword == "RUN" else copied(stage, instruction, number)
    else:
        yield instruction.logical.text


def bound(instruction: Instruction, number: str) -> Iterator[str]:
    """What a command mounts of the context."""
    for mount in instruction.mounts():
        if mount.get("type", "bind") == "bind" and not mount.get("from"):
            yield f"COPY {mount.get('source') or mount.get('src') or '.'} /bound{number}/"


def copied(stage: Stage, instruction: Instruction, number: str) -> Iterator[str]:
    """What a COPY brings; of another stage everything, since what was to be copied is not made here."""
    if instruction.keyword not in {"COPY", "ADD"}:
        return
    origin = instruction.flag("from")
    if origin is not None:
        name = origin.value or ""
        if name.isdigit() or re.fullmatch(r"[\w-]+", name):
            yield f"COPY --from={name} / /from{number}/"
    elif "://" not in instruction.logical.text and not instruction.heredocs:
        yield f"COPY {_FLAG.sub('', instruction.logical.text.split(None, 1)[1])}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


async def judged(root: Path) -> tuple[Graph, Mapping[str, Reach]]:
    runner = ProcessRunner()
    fleet = discover(DiskTree(root))
    graph = build_graph(fleet, root.name, EVERYTHING)
    changes = await changes_since(runner, root, "HEAD~1")
    before, changed = await fleet_before(runner, root, fleet, changes)
    return graph, affected(graph, build_graph(before, root.name, EVERYTHING), changed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--until", default="HEAD")
    parser.add_argument("--commits", type=int, default=100)
    arguments = parser.parse_args()
    words = ["log", "--first-parent", f"-n{arguments.commits + 1}", "--format=%H", arguments.until]
    listed = subprocess.run(["git", "-C", str(arguments.repository), *words], check=True, capture_output=True, text=True)
    commits = listed.stdout.split()[::-1]
    really = told = both = known = 0
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as work:
        root, folder = Path(work) / "fleet", Path(work) / "oracle"
        root.mkdir()
        folder.mkdir()
        replay, oracle = Replay(arguments.repository.resolve(), root), Oracle(folder)
        replay.commit(commits[0])
        before = oracle.images(root, build_graph(discover(DiskTree(root)), root.name, EVERYTHING))
        for commit in commits[1:]:
            replay.commit(commit)
            graph, reaches = anyio.run(judged, root)
            now = oracle.images(root, graph)
            for name in now:
                different, said = before.get(name) != now[name], reaches[name].affected
                known, really, told, both = known + 1, really + different, told + said, both + (different and said)
                if different and not said:
                    missed.append(f"{commit[:12]} {name}")
                    print(f"missed: {missed[-1]}", flush=True)
            before = now
            print(
                f"{commit[:12]}: {really} of {known} changed so far, {told} told, {len(missed)} missed",
                file=sys.stderr,
                flush=True,
            )
    print(f"{len(commits) - 1} commits, {known} pairs of a commit and a target: {really} really changed, {told} told")
    print(
        f"recall {both / really:.1%}, precision {both / told:.1%}; left out rightly: {known - told - len(missed)}"
        if really
        else "-"
    )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
