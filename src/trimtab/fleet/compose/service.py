"""A merged compose service as the fleet's `Service`."""

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from trimtab.fleet.compose.load import Project
from trimtab.fleet.compose.merge import as_mapping, mount_target, normalised_service
from trimtab.fleet.compose.resources import cpu_limit, memory_limit, memory_reservation
from trimtab.fleet.compose.settings import Setting
from trimtab.fleet.model import Build, HealthCheck, Mount, Problem, Service
from trimtab.fleet.plain import is_true, items, mapping, named_context, text
from trimtab.fleet.tree import Tree

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_MOST_NANOSECONDS = 2**63
"""Go counts a duration in nanoseconds with 64 bits, and takes no longer one."""
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_REMOTE = re.compile(r"^(https?|git|ssh)://|^git@|^github\.com/|^(docker-image|oci-layout|service|target):")


def duration(value: object) -> float | None:
    """Go's duration text (`1m30s`) in seconds, None when absent or not readable."""
    if isinstance(value, int | float):
        return float(value) / 1e9 if abs(value) <= _MOST_NANOSECONDS else None
    matches = _DURATION.findall(str(value or ""))
    found = sum(float(number) * _SECONDS[unit] for number, unit in matches)
    return found if matches and found * 1e9 <= _MOST_NANOSECONDS else None


def written_duration(seconds: float) -> str:
    """A duration as Go reads it: whole seconds, or milliseconds; never with an exponent."""
    thousandths = max(1, round(seconds * 1000))
    return f"{thousandths}ms" if thousandths % 1000 else f"{thousandths // 1000}s"


def read_service(tree: Tree, project: Project, name: str) -> Service:
    """The service, with problems of its own files added to the project's."""
    raw = project.services[name]
    path, line = project.origins.get(name, (project.files[0], 1))
    folder = project.folders.get(name, posixpath.dirname(path))
    environment = _strings(raw.get("environment"))
    _check_env_files(tree, project, name, folder)
    return Service(
        name=name,
        origin=path,
        line=line,
        image=text(raw.get("image")),
        build=_build(raw.get("build"), folder),
        command=_command(raw.get("command")),
        entrypoint=_command(raw.get("entrypoint")),
        environment=environment,
        user=text(raw.get("user")),
        working_dir=text(raw.get("working_dir")),
        ports=tuple(_port(item) for item in items(raw.get("ports"))),
        volumes=tuple(mount_target(item) for item in items(raw.get("volumes"))),
        tmpfs=tuple(str(item).partition(":")[0] for item in items(raw.get("tmpfs"))),
        read_only=is_true(raw.get("read_only")),
        depends_on=tuple(mapping(raw.get("depends_on"))),
        profiles=tuple(str(item) for item in items(raw.get("profiles"))),
        healthcheck=_healthcheck(raw.get("healthcheck")),
        mounts=tuple(_mount(item) for item in items(raw.get("volumes"))),
        gpu=_has_gpu(raw),
        memory_limit=memory_limit(raw),
        memory_reservation=memory_reservation(raw),
        cpu_limit=cpu_limit(raw),
        stop_grace_period=duration(raw.get("stop_grace_period")),
        stop_signal=text(raw.get("stop_signal")),
        body=raw,
    )


def changed_service(tree: Tree, service: Service, settings: Sequence[Setting]) -> Service:
    """The service as it is with other settings, those of other services and of the project's top left out."""
    body: object = dict(service.body)
    for setting in settings:
        if setting.path[:2] == ("services", service.name) and len(setting.path) > 2:
            body = replace(setting, path=setting.path[2:]).applied(body)
    folder = posixpath.dirname(service.origin)
    project = Project((service.origin,), {service.name: normalised_service(mapping(body))})
    project.origins[service.name], project.folders[service.name] = (service.origin, service.line), folder
    return replace(read_service(tree, project, service.name), build=service.build)


def _mount(item: object) -> Mount:
    entry = mapping(item)
    target = mount_target(item)
    if entry:
        source = str(entry.get("source") or "")
        return Mount(str(entry.get("type") or "volume"), source, target, is_true(entry.get("read_only")))
    drive = re.match(r"[A-Za-z]:[\\/][^:]*:", str(item))
    parts = str(item)[2:].split(":") if drive else str(item).split(":")
    if drive:
        parts[0] = str(item)[:2] + parts[0]
    source = parts[0] if len(parts) > 1 else ""
    kind = "bind" if drive or source.startswith((".", "/", "~", "$")) else "volume"
    return Mount(kind, source, target, "ro" in (parts[2].split(",") if len(parts) > 2 else []))


def _has_gpu(raw: Mapping[str, object]) -> bool:
    reservations = mapping(mapping(mapping(raw.get("deploy")).get("resources")).get("reservations"))
    devices = str(items(reservations.get("devices")))
    return "gpu" in devices or "nvidia" in devices or bool(raw.get("gpus")) or raw.get("runtime") == "nvidia"


def _check_env_files(tree: Tree, project: Project, name: str, folder: str) -> None:
    path, line = project.origins.get(name, (project.files[0], 1))
    for item in items(project.services[name].get("env_file")):
        entry = mapping(item) or {"path": item}
        if entry.get("required") is False:
            continue
        wanted = _inside(folder, str(entry.get("path", "")))
        if wanted is not None and wanted not in tree.entries:
            message = f"env_file `{wanted}` does not exist"
            project.problems.append(Problem(path, line, "missing-env-file", message))


def _build(raw: object, folder: str) -> Build | None:
    build = mapping(raw)
    if not build:
        return None
    context_text = str(build.get("context") or ".")
    context = None if _REMOTE.search(context_text) else _inside(folder, context_text)
    inline = build.get("dockerfile_inline")
    dockerfile = None
    if context is not None and not inline:
        dockerfile = _inside(context, str(build.get("dockerfile") or "Dockerfile"))
    args = {key: value for key, value in _strings(build.get("args")).items() if value is not None}
    contexts = {key: named_context(folder, value or "") for key, value in _strings(build.get("additional_contexts")).items()}
    platforms = tuple(str(item) for item in items(build.get("platforms")))
    return Build(context, dockerfile, text(build.get("target")), args, contexts, platforms, build)


def _inside(folder: str, path: str) -> str | None:
    """A path counted from a folder of the fleet; None when it leads out of it."""
    if path.startswith("/"):
        return None
    joined = posixpath.normpath(posixpath.join(folder or ".", path))
    if joined.startswith(".."):
        return None
    return "" if joined == "." else joined


def _command(raw: object) -> tuple[str, ...] | str | None:
    if raw is None:
        return None
    if isinstance(raw, list):
        return tuple(str(item) for item in cast("list[object]", raw))
    try:
        return tuple(shlex.split(str(raw)))
    except ValueError:
        return str(raw)


def _healthcheck(raw: object) -> HealthCheck | None:
    check = mapping(raw)
    if not check:
        return None
    test = check.get("test")
    words = ("CMD-SHELL", test) if isinstance(test, str) else tuple(str(item) for item in items(test))
    disabled = is_true(check.get("disable")) or words[:1] == ("NONE",)
    retries = check.get("retries")
    return HealthCheck(
        words,
        duration(check.get("interval")),
        duration(check.get("timeout")),
        duration(check.get("start_period")),
        duration(check.get("start_interval")),
        retries if isinstance(retries, int) else None,
        disabled,
    )


def _port(item: object) -> str:
    if isinstance(item, dict):
        entry = cast("dict[str, object]", item)
        published = f"{entry['published']}:" if entry.get("published") else ""
        return f"{published}{entry.get('target', '')}/{entry.get('protocol', 'tcp')}"
    return str(item)


def _strings(value: object) -> dict[str, str | None]:
    return {key: text(item) for key, item in mapping(as_mapping(value)).items()}
