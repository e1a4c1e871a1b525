"""DF112."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.managers import MANAGERS
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import mount_target
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Fix, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit


class UnlockedCacheMount(DockerfileRule):
    """Cache of a system package manager that two builds may use at once.

    ## What it does
    Finds cache mounts of apt, apk and their like without `sharing=locked` or `sharing=private`.

    ## Why it matters
    A cache mount is shared by default, and apt takes a lock on its folder: of two builds at once, one fails. A fleet is
    built in parallel.

    ## Fix safety
    Safe: `sharing=locked` makes the second build wait. What is in the image stays the same.

    ## References
    https://docs.docker.com/reference/dockerfile/#run---mounttypecache
    """

    code = "DF112"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked apt-get install -y git\n",
        "FROM python:3.13\nRUN --mount=type=cache,target=/root/.cache/pip pip install six\n",
    ]
    flagged = [
        Case(
            "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt \\\n    apt-get install -y git\n",
            after="FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n"
            "    apt-get install -y git\n",
        )
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        folders = [cache.path for manager in MANAGERS.values() if manager.system for cache in manager.caches]
        for stage in facts.stages:
            for run in stage.runs:
                for flag in run.instruction.flags:
                    options = flag.options() if flag.name == "mount" else {}
                    target = mount_target(options)
                    if options.get("type") != "cache" or "sharing" in options or "$" in target:
                        continue
                    if any(is_within(target, folder) or is_within(folder, target) for folder in folders if target):
                        fix = Fix("let one build at a time use it", (Edit.insert(flag.span.end, ",sharing=locked"),))
                        yield self.finding(facts, flag.span, f"two builds at once may meet in `{target}`", fix, target)
