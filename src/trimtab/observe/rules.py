"""Alert rules over trimtab's own metrics, for one compose project; each with two situations that tell whether it works. Pure.

The rules are about what plain compose has and the rules in circulation do not see: those select by labels that only Kubernetes
sets (`container!=""`), and of a container held back in 83 % of its periods they say nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["critical", "warning", "info"]
NEAR = 0.9
"""The share of its memory limit from which a container is said to be near it."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Series as promtool writes them, a value a minute, and a moment at which the alert fires or does not."""

    series: Mapping[str, str]
    at: str
    fires: Mapping[str, str] | None = None
    """The labels of the alert that fires; None where none does."""
    value: str = ""
    """The expression's value as the description shows it."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert."""

    name: str
    expr: str
    level: Level
    summary: str
    description: str
    lasts: str
    """For how long the expression has to hold."""
    bad: Situation
    """In which it fires."""
    good: Situation
    """In which it does not."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the rules are for."""

    project: str
    services: tuple[str, ...] = ()
    """Those that have to run all the time."""
    critical: frozenset[str] = frozenset()
    """Those without which nothing works."""
    jobs: tuple[str, ...] = ()
    """Those that are meant to end."""
    built: tuple[str, ...] = ()
    """What the fleet builds, by the names of the ledger; of all that was ever built where none is told."""
    scanned: tuple[str, ...] = ()
    """What its scans look at, by their names; everything that was ever scanned where none is told."""
    scan_days: float = 7
    max_critical: int | None = 0


def rules_for(watched: Watched) -> list[AlertRule]:
    """Every rule for a project, in the order in which they are written."""
    containers = [*_states(watched), *_memory_and_processor(watched), *_missing(watched)]
    return [*containers, *_callers(watched), *_deliveries(watched), *_host()]


def _one(metric: str, project: str, service: str = "api", **more: str) -> str:
    """A series of one container."""
    labels = {"project": project, "service": service, "number": "1", **more}
    return f"{metric}{{{', '.join(f'{name}={quoted(value)}' for name, value in labels.items())}}}"


def quoted(text: str) -> str:
    """A text as PromQL and YAML's double quotes both write it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def among(names: Sequence[str], more: str = "") -> str:
    """A selection of these targets, so that no alert is about what the fleet has no more."""
    chosen = [f"target=~{quoted('|'.join(re.escape(each) for each in names))}"] if names else []
    chosen += [more] if more else []
    return f"{{{', '.join(chosen)}}}" if chosen else ""


def _labels(project: str, level: Level, **more: str) -> dict[str, str]:
    return {"severity": level, "project": project, "service": "api", "number": "1", **more}


def _states(watched: Watched) -> Iterator[AlertRule]:
    project = watched.project
    chosen = f"project={quoted(project)}"
    series = _one("trimtab_container_health_status", project, status="unhealthy")
    yield AlertRule(
        "ContainerUnhealthy", f'trimtab_container_health_status{{{chosen}, status="unhealthy"}} == 1', "critical",
        "{{ $labels.service }} is unhealthy",
        "The health check of {{ $labels.project }}/{{ $labels.service }} has failed for two minutes.", "2m",
        Situation({series: "0 1x5"}, "4m", _labels(project, "critical", status="unhealthy")),
        Situation({series: "1 0x5"}, "4m"),
    )  # fmt: skip
    series = _one("trimtab_container_running", project)
    others = f", service!~{quoted('|'.join(re.escape(each) for each in watched.jobs))}" if watched.jobs else ""
    ended = {_one("trimtab_container_running", project, each): "1 0x5" for each in watched.jobs}
    yield AlertRule(
        "ContainerDown", f"trimtab_container_running{{{chosen}{others}}} == 0", "critical",
        "{{ $labels.service }} does not run",
        "{{ $labels.project }}/{{ $labels.service }} is there and has not been running for two minutes.", "2m",
        Situation({series: "1 0x5"}, "4m", _labels(project, "critical")),
        Situation({series: "0 1x5", **ended}, "4m"),
    )  # fmt: skip
    series = _one("trimtab_container_restarts_total", project)
    yield AlertRule(
        "ContainerRestarting", f"increase(trimtab_container_restarts_total{{{chosen}}}[15m]) > 2", "critical",
        "{{ $labels.service }} keeps restarting",
        "{{ $labels.project }}/{{ $labels.service }} was restarted {{ $value | humanize }} times in 15 minutes.", "0m",
        Situation({series: "0+1x15"}, "15m", _labels(project, "critical"), "15"), Situation({series: "0 1x15"}, "15m"),
    )  # fmt: skip


def _memory_and_processor(watched: Watched) -> Iterator[AlertRule]:
    project = watched.project
    chosen = f"project={quoted(project)}"
    series = _one("trimtab_container_oom_kills_total", project)
    yield AlertRule(
        "ContainerKilledForMemory", f"increase(trimtab_container_oom_kills_total{{{chosen}}}[15m]) > 0", "critical",
        "A process of {{ $labels.service }} was killed for want of memory",
        "The container of {{ $labels.project }}/{{ $labels.service }} may well run on without it."
        " `trimtab resources` says what it needs.", "0m",
        Situation({series: "0x5 1x9"}, "14m", _labels(project, "critical")), Situation({series: "1x15"}, "14m"),
    )  # fmt: skip
    used = _one("trimtab_container_memory_working_set_bytes", project)
    limit = _one("trimtab_container_memory_limit_bytes", project)
    yield AlertRule(
        "ContainerNearMemoryLimit",
        f"trimtab_container_memory_working_set_bytes{{{chosen}}} / trimtab_container_memory_limit_bytes{{{chosen}}} > {NEAR}",
        "warning", "{{ $labels.service }} is near its memory limit",
        "{{ $labels.project }}/{{ $labels.service }} uses {{ $value | humanizePercentage }} of its memory limit,"
        " page cache aside, for ten minutes.", "10m",
        Situation({used: "95x15", limit: "100x15"}, "12m", _labels(project, "warning"), "95%"),
        Situation({used: "89x15", limit: "100x15"}, "12m"),
    )  # fmt: skip
    held, periods = (_one(f"trimtab_container_cpu_{name}_total", project) for name in ("throttled_periods", "periods"))
    yield AlertRule(
        "ContainerHeldBack",
        f"rate(trimtab_container_cpu_throttled_periods_total{{{chosen}}}[10m])"
        f" / rate(trimtab_container_cpu_periods_total{{{chosen}}}[10m]) > 0.25",
        "warning", "{{ $labels.service }} is held back by its processor limit",
        "{{ $labels.project }}/{{ $labels.service }} had to wait in {{ $value | humanizePercentage }} of its periods.", "10m",
        Situation({held: "0+300x30", periods: "0+600x30"}, "25m", _labels(project, "warning"), "50%"),
        Situation({held: "0+30x30", periods: "0+600x30"}, "25m"),
    )  # fmt: skip


def _missing(watched: Watched) -> Iterator[AlertRule]:
    """A series that is not there has no labels to tell which one it is, so that each service is named."""
    project = watched.project
    seen = f"trimtab_container_last_observed_timestamp_seconds{{project={quoted(project)}}}"
    series = _one("trimtab_container_last_observed_timestamp_seconds", project, "another")
    yield AlertRule(
        "ObserverSilent", f"time() - max(last_over_time({seen}[1d])) > 300", "warning", f"Nobody observes {project}",
        "`trimtab observe` has seen nothing for five minutes: no other alert about containers can fire.", "5m",
        Situation({series: "0x20"}, "15m", {"severity": "warning"}), Situation({series: "0+60x20"}, "15m"),
    )  # fmt: skip
    levels: tuple[Level, ...] = ("critical", "warning")
    for level in levels:
        services = [each for each in watched.services if (each in watched.critical) == (level == "critical")]
        if services:
            yield _missing_one(watched, services, level, seen)


def _missing_one(watched: Watched, services: Sequence[str], level: Level, seen: str) -> AlertRule:
    project, first = watched.project, services[0]
    others = [each for each in watched.services if each != first]
    gone = " or ".join(
        f"absent(trimtab_container_running{{project={quoted(project)}, service={quoted(each)}}})" for each in services
    )
    there = {_one("trimtab_container_running", project, each): "1x20" for each in others}
    observed = {_one("trimtab_container_last_observed_timestamp_seconds", project, "another"): "0+60x20"}
    running = {_one("trimtab_container_running", project, first): "1x20"}
    return AlertRule(
        "ServiceMissing", f"({gone}) and on() (time() - max({seen}) < 300)", level, "{{ $labels.service }} is not there",
        "There is no container of {{ $labels.project }}/{{ $labels.service }}, and the project is observed.", "5m",
        Situation({**observed, **there}, "10m", {"severity": level, "project": project, "service": first}),
        Situation({**observed, **there, **running}, "10m"),
    )  # fmt: skip


def _callers(watched: Watched) -> Iterator[AlertRule]:
    project = watched.project
    chosen = f"project={quoted(project)}"
    failed, given = (f"increase(trimtab_holder_{name}_total{{{chosen}}}[5m])" for name in ("failed_requests", "requests"))
    labels = f'{{project={quoted(project)}, service="api"}}'
    bad, all_of_them = (f"trimtab_holder_{name}_total{labels}" for name in ("failed_requests", "requests"))
    yield AlertRule(
        "RequestsFailing", f"{failed} / {given} > 0.05 and {failed} > 5", "critical",
        "Callers of {{ $labels.service }} get errors",
        "{{ $value | humanizePercentage }} of the requests that the holder gave to {{ $labels.project }}/{{ $labels.service }}"
        " in five minutes failed: not taken, broken off, or answered with a status of 500 to 599.", "1m",
        Situation({bad: "0+10x10", all_of_them: "0+100x10"}, "9m",
                  {"severity": "critical", "project": project, "service": "api"}, "10%"),
        Situation({bad: "0+1x10", all_of_them: "0+100x10"}, "9m"),
    )  # fmt: skip


def _deliveries(watched: Watched) -> Iterator[AlertRule]:
    project = watched.project
    chosen = f"project={quoted(project)}"
    outcome = f'trimtab_deployment_outcome{{project={quoted(project)}, outcome="rolled-back"}}'
    yield AlertRule(
        "DeploymentNotDone", f'trimtab_deployment_outcome{{{chosen}, outcome!="done"}} == 1', "warning",
        "The last deployment of {{ $labels.project }} ended {{ $labels.outcome }}",
        "`trimtab history deployment` says what happened.", "0m",
        Situation({outcome: "1"}, "0m", {"severity": "warning", "project": project, "outcome": "rolled-back"}),
        Situation({outcome: "0"}, "0m"),
    )  # fmt: skip
    since = f"trimtab_deployment_unfinished_timestamp_seconds{{project={quoted(project)}}}"
    yield AlertRule(
        "DeploymentUnfinished", f"time() - trimtab_deployment_unfinished_timestamp_seconds{{{chosen}}} > 3600", "warning",
        "A deployment of {{ $labels.project }} has not ended",
        "`trimtab deploy --resume` goes on with it, `trimtab rollback` undoes it.", "0m",
        Situation({since: "0x90"}, "61m", {"severity": "warning", "project": project}), Situation({since: "0x90"}, "59m"),
    )  # fmt: skip
    target = watched.built[0] if watched.built else "api"
    worse = f"trimtab_build_regression{{target={quoted(target)}}}"
    yield AlertRule(
        "BuildRegression", f"trimtab_build_regression{among(watched.built)} == 1", "info",
        "Building {{ $labels.target }} has become worse",
        "The last build took half as long again as those before it, or its image is a tenth larger:"
        " `trimtab history trend {{ $labels.target }}`.", "0m",
        Situation({worse: "1"}, "0m", {"severity": "info", "target": target}), Situation({worse: "0"}, "0m"),
    )  # fmt: skip
    yield from _scans(watched)


def _scans(watched: Watched) -> Iterator[AlertRule]:
    target = watched.scanned[0] if watched.scanned else "api"
    age, any_age = (f"trimtab_scan_{name}timestamp_seconds{{target={quoted(target)}}}" for name in ("vulnerabilities_", ""))
    days, chosen = watched.scan_days, among(watched.scanned)
    # One that asks for vulnerabilities and has no advisories is no scan; one that never asks for them is as old as it is.
    last = f"(trimtab_scan_vulnerabilities_timestamp_seconds{chosen} or trimtab_scan_timestamp_seconds{chosen})"
    yield AlertRule(
        "ScanTooOld", f"time() - {last} > {days:g} * 86400", "warning", "{{ $labels.target }} was not scanned lately",
        f"The last scan that had advisories is more than {days:g} days old, or there is none: `trimtab scan`.", "0m",
        Situation({age: f"-{days * 86_400:.0f}x2", any_age: "0x2"}, "1m", {"severity": "warning", "target": target}),
        Situation({age: "0x2", any_age: f"-{days * 86_400:.0f}x2"}, "1m"),
    )  # fmt: skip
    if watched.max_critical is not None:
        found = f'trimtab_scan_vulnerabilities{{target={quoted(target)}, severity="critical"}}'
        chosen = among(watched.scanned, 'severity="critical"')
        yield AlertRule(
            "CriticalVulnerabilities", f"trimtab_scan_vulnerabilities{chosen} > {watched.max_critical}", "critical",
            "{{ $labels.target }} has critical vulnerabilities",
            "{{ $value }} are known, and the fleet's gate allows " + f"{watched.max_critical}.", "0m",
            Situation({found: f"{watched.max_critical + 1}"}, "0m", {"severity": "critical", "target": target},
                      f"{watched.max_critical + 1}"),
            Situation({found: f"{watched.max_critical}"}, "0m"),
        )  # fmt: skip


def _host() -> Iterator[AlertRule]:
    place = '{device="/dev/sda1", fstype="ext4", mountpoint="/"}'
    free, size = (f"node_filesystem_{name}_bytes{place}" for name in ("avail", "size"))
    labels = {"severity": "warning", "device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
    real = '{fstype!~"tmpfs|overlay|squashfs|ramfs"}'
    yield AlertRule(
        "DiskAlmostFull", f"node_filesystem_avail_bytes{real} / node_filesystem_size_bytes{real} < 0.1", "warning",
        "{{ $labels.mountpoint }} is almost full",
        "{{ $value | humanizePercentage }} is left. `docker system df` says how much of it are images and build cache.", "10m",
        Situation({free: "5x15", size: "100x15"}, "12m", labels, "5%"), Situation({free: "20x15", size: "100x15"}, "12m"),
    )  # fmt: skip
