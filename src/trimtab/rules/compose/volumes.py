"""CM401 to CM403: where data is kept, and who writes it."""

from collections.abc import Iterator, Mapping

from trimtab.fleet.compose.beside import ON_TOP, declared_beside
from trimtab.fleet.compose.facts import ComposeFacts, image_name
from trimtab.fleet.model import Mount, Service
from trimtab.fleet.plain import items
from trimtab.rules.base import (
    Applicability,
    Category,
    ComposeRule,
    Confidence,
    Finding,
    Fix,
    Refusal,
    Severity,
    compose_case,
    fix_of,
)

_EMPTY: Mapping[str, object] = {}


def _named(facts: ComposeFacts, service: Service) -> Iterator[tuple[int, Mount]]:
    """The volumes that a service names in plain words: a name made of variables is another one elsewhere."""
    raw = [str(item) for each in facts.raws(service) for item in items(each.body.get("volumes"))]
    made_up = {part for text in raw if "$" in text for part in text.split(":")}
    for index, mount in enumerate(service.mounts):
        if mount.kind == "volume" and mount.source and mount.target not in made_up:
            yield index, mount


class UndeclaredVolume(ComposeRule):
    """Named volume that no file declares.

    ## What it does
    Finds services with a named volume that is not among the project's `volumes`.

    ## Why it matters
    Compose refuses the project: `service … refers to undefined volume`.

    ## Fix safety
    Unsafe: the volume is declared as one of the project's own. It may have been meant as another project's. Refused where
    another compose file of the folder or of one above declares it, and where the file is put on top of another one, which may
    declare it: a service has neither an image nor a build, or replaces something (`!override`, `!reset`).
    """

    code = "CM401"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, volumes: ['d:/d', './e:/e', /f]}}\nvolumes: {d: {}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    volumes:\n      - d:/d\nvolumes:\n  e:\n",
            after="services:\n  a:\n    image: a\n    volumes:\n      - d:/d\nvolumes:\n  e:\n  d: {}\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    volumes: [{type: volume, source: d, target: /d}]\n",
            after="services:\n  a:\n    image: a\n    volumes: [{type: volume, source: d, target: /d}]\nvolumes:\n  d: {}\n",
        ),
        compose_case("services:\n  a:\n    volumes: ['d:/d']\n  b: {image: b}\n", refused=ON_TOP),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        missing = [
            mount.source
            for service in facts.project.services
            for _, mount in _named(facts, service)
            if mount.source not in facts.project.volumes
        ]
        files = facts.project.files
        elsewhere = {name: path for name in missing if (path := declared_beside(facts.fleet, "volumes", name, files))}
        own = dict.fromkeys((name for name in missing if name not in elsewhere), _EMPTY)
        for service in facts.project.services:
            for index, mount in _named(facts, service):
                if mount.source in missing:
                    declared = elsewhere.get(mount.source)
                    outcome: Fix | Refusal = Refusal(f"`{declared}` declares it, and may be meant to be given, too")
                    if declared is None and facts.is_put_on_top:
                        outcome = Refusal(ON_TOP)
                    elif declared is None:
                        # All of them at once: each alone would wait for a pass of its own behind the last key.
                        change = facts.editor(service, "volumes").set_all(("volumes",), own)
                        outcome = fix_of("declare the volumes", change, Applicability.UNSAFE)
                    message = f"uses the volume `{mount.source}`, which is not declared"
                    yield self.about(facts, service, ("volumes", index), message, outcome, mount.source)


_DATA = "a volume of that name may hold data that somebody has put there"


class UnusedVolume(ComposeRule):
    """Declared volume that no service uses.

    ## What it does
    Finds named volumes of a project that no service mounts.

    ## Why it matters
    Whoever reads the file believes that something is kept there.

    ## Fix safety
    Not fixed: the volume may exist and hold data of an earlier version.
    """

    code = "CM402"
    category = Category.MAINTAINABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, volumes: ['d:/d']}}\nvolumes: {d: {}}\n")]
    flagged = [compose_case("services: {a: {image: a, volumes: ['d:/d']}}\nvolumes: {d: {}, e: {}}\n", refused=_DATA)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for editor in facts.top_editors():
            if not facts.is_whole(editor.file):
                continue
            services = [service for project in facts.projects_with(editor.file) for service in project.services]
            used = {mount.source for service in services for mount in service.mounts}
            for name in facts.project.volumes:
                key = editor.document.keys.get(("volumes", name))
                if key is not None and name not in used:
                    yield self.finding_at(
                        editor.file, key.line, f"no service uses the volume `{name}`", (), Refusal(_DATA), name
                    )


_SHARED = "which of them only reads it is known to whoever wrote them"


class SharedWriters(ComposeRule):
    """Volume that several services may write to.

    ## What it does
    Finds named volumes that two or more services mount without `:ro`. Volumes whose name or place says that they hold logs,
    sockets, uploads or static files are left out: that is how they are meant.

    ## Why it matters
    A database file that two processes write to, such as SQLite's over a shared folder, is what breaks; and no new version of
    one service can run beside the old one of another.

    ## Fix safety
    Not fixed: who only reads is not known.
    """

    code = "CM403"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        compose_case(
            "services: {a: {image: a, volumes: ['d:/d', 'logs:/var/log']}, b: {image: b, volumes: ['d:/d:ro', 'logs:/l']}}\n"
            "volumes: {d: {}, logs: {}}\n"
        )
    ]
    flagged = [
        compose_case(
            "services: {a: {image: a, volumes: ['d:/d']}, b: {image: b, volumes: ['d:/d']}}\nvolumes: {d: {}}\n",
            refused=_SHARED,
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        writers: dict[str, list[tuple[Service, int]]] = {}
        for service in facts.deployed:
            for index, mount in _named(facts, service):
                if not mount.read_only and not _is_meant_shared(mount):
                    writers.setdefault(mount.source, []).append((service, index))
        for name, users in writers.items():
            # Copies of one image are one service that is scaled by hand.
            if len({(image_name(service) or service.name) for service, _ in users}) < 2:
                continue
            names = ", ".join(f"`{service.name}`" for service, _ in users[1:4]) + (" and others" if len(users) > 4 else "")
            message = f"writes to the volume `{name}`, and so do {names}"
            yield self.about(facts, users[0][0], ("volumes", users[0][1]), message, Refusal(_SHARED), name)


_MEANT_SHARED = ("log", "sock", "static", "media", "upload", "cert", "letsencrypt", "backup", "tmp", "run")


def _is_meant_shared(mount: Mount) -> bool:
    text = f"{mount.source} {mount.target}".lower()
    return any(word in text for word in _MEANT_SHARED)
