"""DF121."""

from collections.abc import Iterator

from trimtab.fleet.caches import covers
from trimtab.fleet.chain import chain
from trimtab.fleet.facts import Facts
from trimtab.fleet.package_lists import later_need
from trimtab.fleet.stage import Run, mount_target
from trimtab.rules.base import Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit

_LISTS = "/var/lib/apt/lists"
_NOTHING_ELSE = "the instruction only updates the lists, for something that is not in this file"
_CURL = "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n"
_INSTALLS = "#!/bin/sh\napt-get install -y jq\n"


class PackageIndexInLayer(DockerfileRule):
    """Package index left in an image layer.

    ## What it does
    Finds RUN instructions that update apt's package lists, or apk's, and leave them in the layer: no cache mount on the
    lists and no `rm` in the same instruction. A later `rm` frees nothing, because layers only add.

    ## Why it matters
    The lists of Debian bookworm are 87 MB (`du -sb` in a plain bookworm image, November 2026; official images keep them
    compressed). They are of no use at run time, and out of date within days.

    ## Fix safety
    The list files are the only thing the fix removes. Refused where a later instruction installs from the lists that
    this one leaves behind, and where the instruction does nothing but update them: then they are all that it is for.
    Refused, too, where something in the repository that runs in a container installs without an update: a script that
    the start command, an init, another script, a service, `docker exec` or `devcontainer.json` starts.

    ## References
    https://docs.docker.com/build/building/best-practices/#apt-get
    """

    code = "DF121"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.1"
    clean = [
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:12\nRUN --mount=type=cache,target=/var/lib/apt/lists apt-get update && apt-get install -y curl\n",
        "FROM debian:12\nRUN --mount=type=tmpfs,target=/var/lib/apt apt-get update && apt-get install -y curl\n",
        "FROM debian:12 AS build\nRUN apt-get update && apt-get install -y gcc\nFROM scratch\nCOPY --from=build /a /a\n",
    ]
    flagged = [
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
            after="FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
        ),
        Case(
            "FROM alpine:3\nRUN apk update && apk add curl\n",
            after="FROM alpine:3\nRUN apk update && apk add curl && rm -rf /var/cache/apk/*\n",
        ),
        Case(
            "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl\n",
            refused="a later instruction installs from the lists that this one leaves behind",
        ),
        Case(
            "FROM flexberry/alt.p8\nRUN apt-get update && apt-get install -y curl\n",
            refused="the apt of systems with RPM does not make the folders that it needs where its lists and archives are",
        ),
        Case("FROM debian:12\nRUN apt-get update\nCOPY a /\n", refused=_NOTHING_ELSE, files={"a": ""}),
        Case(
            f'{_CURL}COPY first.sh /etc/my_init.d/\nCMD ["/sbin/my_init"]\n',
            refused="a copied script, which the base may start, installs from the lists that this one leaves behind",
            files={"first.sh": _INSTALLS},
        ),
        Case(
            f'{_CURL}COPY s /s\nENTRYPOINT ["/s/entry.sh"]\n',
            refused="line 4 may install from the lists that this one leaves behind",
            files={"s/entry.sh": '#!/bin/sh\n. "$(dirname "$0")/lib.sh"\n', "s/lib.sh": _INSTALLS},
        ),
        Case(
            f"{_CURL}COPY a.conf /etc/supervisor/conf.d/\nCOPY a.sh /usr/bin/\nCMD supervisord -n\n",
            refused="line 5 may install from the lists that this one leaves behind",
            files={"a.conf": "[program:a]\ncommand=/usr/bin/a.sh\n", "a.sh": _INSTALLS},
        ),
        Case(
            f"{_CURL}COPY s /s\nRUN sh /s/all.sh\nCMD /a\n",
            refused="a later instruction installs from the lists that this one leaves behind",
            files={"s/all.sh": "for each in /s/*.d/*; do sh $each; done\n", "s/a.d/10-a": _INSTALLS},
        ),
        Case(
            f'{_CURL}CMD ["/w/a.sh"]\n',
            refused="`w/a.sh`, which a service mounts and starts, installs from the lists that this one leaves behind",
            files={"compose.yaml": "services: {a: {build: ., volumes: ['./w:/w']}}\n", "w/a.sh": _INSTALLS},
        ),
        Case(
            f"{_CURL}CMD sleep infinity\n",
            refused="`ci.sh` installs in containers from the lists that this one leaves behind",
            files={"ci.sh": "docker build -t a .\ndocker run -d --name a a\ndocker exec a apt-get install -y jq\n"},
        ),
        Case(
            _CURL,
            refused="`devcontainer.json` installs in its container from the lists that this one leaves behind",
            files={"devcontainer.json": '{"build": {"dockerfile": "Dockerfile"}, "postCreateCommand": "apt install -y jq"}'},
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.in_final_image(stage):
                continue
            for run in stage.runs:
                for folder, update in _updates(run):
                    if not _cleaned(run, folder):
                        outcome = _fix(run, folder, update, later_need(facts, stage, run.index))
                        message = f"the package index stays in this layer (`{folder}`)"
                        yield self.finding(facts, run.source_span(update.span), message, outcome)


def _updates(run: Run) -> list[tuple[str, Command]]:
    """The first command of each manager that leaves its index behind, with the index's folder."""
    found: dict[str, Command] = {}
    for command in run.script.commands:
        if command.name in {"apt-get", "apt"} and "update" in command.words:
            found.setdefault(_LISTS, command)
        elif _updates_apk(command):
            found.setdefault("/var/cache/apk", command)
    return list(found.items())


def _only_updates(command: Command) -> bool:
    return command.name in {"apt-get", "apt", "apk"} and "update" in command.words


def _updates_apk(command: Command) -> bool:
    words = set(command.words)
    return command.name == "apk" and bool(words & {"update", "-U", "--update"}) and "--no-cache" not in words


def _cleaned(run: Run, folder: str) -> bool:
    mounted = [*run.cache_targets(), *map(mount_target, run.mounts("tmpfs"))]
    if covers(mounted, folder) or covers(mounted, "/etc/apk/cache"):
        return True
    return any(
        command.name in {"rm", "find"}
        and any(word.startswith(folder) or folder.startswith(word.rstrip("/*") or "-") for word in command.words[1:])
        for command in run.script.commands
    )


def _fix(run: Run, folder: str, update: Command, needed: str | None) -> Fix | Refusal:
    if needed:
        return Refusal(needed)
    if all(_only_updates(command) for command in run.script.commands):
        return Refusal(_NOTHING_ELSE)
    links = chain(run)
    if run.is_heredoc or run.instruction.heredocs:
        return Refusal("the command stands in a heredoc, whose body is never rewritten")
    if not run.editable or update not in links or links[-1].operator not in {"", "&&"}:
        return Refusal("the command does not stand in a plain chain joined by `&&`")
    if run.script.text[links[-1].span.end :].strip() or any(link.name in {"exec", "exit", "return"} for link in links):
        return Refusal("something follows the chain that a command cannot be put behind")
    edit = Edit.insert(run.behind(links[-1].span.end), f" && rm -rf {folder}/*")
    return Fix("remove the index in the same layer", (edit,), effects=Effects(removes=(f"{folder}/**",), changes=(folder,)))
