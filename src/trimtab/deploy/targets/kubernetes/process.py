"""What a container runs, as whom, and with how much, in Kubernetes' words."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.project import cpu_quota
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import mapping
from trimtab.fleet.sizes import byte_size

Hide = Callable[[str], str]
"""A text without the credentials in it."""
Conceal = Callable[[Sequence[str]], list[str]]
"""A command without the credentials in it."""
_UNSET_ARGUMENTS = "An empty list takes the image's own away; Kubernetes has no word for that."


@dataclass(frozen=True)
class Parts:
    """Fields for the container and for its pod."""

    container: Mapping[str, object] = field(default_factory=dict[str, object])
    pod: Mapping[str, object] = field(default_factory=dict[str, object])


REFERENCE = "\0("
"""Begins a reference to a variable in a hidden text, until Kubernetes' own `$(` in it is escaped."""


def process(service: Reading, hide: Hide, post_start: Conceal, pre_stop: Conceal) -> dict[str, object]:
    """The command, its folder, its terminal and its hooks. Kubernetes' own `$(NAME)` is escaped in the command.

    Hooks know no `$(NAME)`: Kubernetes puts variables into `command` and `args` only, so that they are hidden otherwise.
    """
    words: dict[str, object] = {}
    for key, field_name in (("entrypoint", "command"), ("command", "args")):
        given = service.take(key)
        if given == []:
            service.lost(key, _UNSET_ARGUMENTS, "Give the whole command under `entrypoint`.")
        words[field_name] = [_escaped(hide(word)) for word in service.texts(key)]
    hooks = {"postStart": _hook(service, "post_start", post_start), "preStop": _hook(service, "pre_stop", pre_stop)}
    return filled(
        {
            **words,
            "workingDir": service.text("working_dir"),
            "tty": service.take("tty") is True or None,
            "stdin": service.take("stdin_open") is True or None,
            "lifecycle": filled(hooks),
        }
    )


def _escaped(word: str) -> str:
    return word.replace("$(", "$$(").replace(REFERENCE, "$(")


def _hook(service: Reading, key: str, conceal: Conceal) -> dict[str, object] | None:
    hooks = service.each(key)
    if not hooks:
        return None
    if len(hooks) > 1:
        service.lost(key, "Kubernetes runs one command there, and there are several.", "Put them into one script.")
        return None
    return {"exec": {"command": conceal(hooks[0].texts("command"))}}


def security(service: Reading) -> Parts:
    """Who the process is and what it may do.

    Docker filters system calls unless told otherwise and Kubernetes does not, so that the filter is asked for.
    """
    privileged = service.take("privileged") is True
    drop, add = (sorted({_capability(name) for name in service.texts(key)}) for key in ("cap_drop", "cap_add"))
    options = _options(service)
    user, group = _user(service)
    no_new = options.no_new_privileges
    if no_new and (privileged or "SYS_ADMIN" in add or "ALL" in add):
        no_new = False
        why = "Kubernetes refuses `allowPrivilegeEscalation: false` for a container that is privileged or has SYS_ADMIN."
        service.lost("security_opt", why, "Take the privilege away.")
    container = filled(
        {
            "runAsUser": user,
            "runAsGroup": group,
            "runAsNonRoot": True if user else None,
            "readOnlyRootFilesystem": service.take("read_only") is True or None,
            "privileged": privileged or None,
            "allowPrivilegeEscalation": False if no_new else None,
            "capabilities": filled({"add": add, "drop": drop}),
            "seccompProfile": {"type": options.seccomp} if not privileged else None,
            "appArmorProfile": {"type": "Unconfined"} if options.no_apparmor else None,
        }
    )
    groups = [int(name) for name in service.texts("group_add") if name.isdigit()]
    for name in service.texts("group_add"):
        if not name.isdigit():
            service.lost("group_add", f"Kubernetes knows groups by number only, and `{name}` is a name.", "Give its number.")
    sysctls = [{"name": name, "value": str(value)} for name, value in sorted(mapping(service.take("sysctls")).items())]
    if sysctls:
        why = "A node allows only the sysctls that Kubernetes calls safe; a pod with another one is not started."
        service.approximated("sysctls", why, "Allow them in the kubelet's `allowedUnsafeSysctls`.")
    return Parts(container, filled({"supplementalGroups": groups, "sysctls": sysctls}))


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


@dataclass(frozen=True)
class _Options:
    no_new_privileges: bool = False
    seccomp: str = "RuntimeDefault"
    no_apparmor: bool = False


def _options(service: Reading) -> _Options:
    no_new, seccomp, no_apparmor = False, "RuntimeDefault", False
    for option in service.texts("security_opt"):
        name, _, value = option.replace("=", ":").partition(":")
        if name == "no-new-privileges":
            no_new = value != "false"
        elif option in {"seccomp:unconfined", "seccomp=unconfined"}:
            seccomp = "Unconfined"
        elif option in {"apparmor:unconfined", "apparmor=unconfined"}:
            no_apparmor = True
        else:
            why = f"`{name}` names something on the machine that compose runs on."
            service.lost("security_opt", why, "Install the profile on the nodes and name it in the pod's securityContext.")
    return _Options(no_new, seccomp, no_apparmor)


def _user(service: Reading) -> tuple[int | None, int | None]:
    user, _, group = (service.text("user") or "").partition(":")
    if (user and not user.isdigit()) or (group and not group.isdigit()):
        why = "Kubernetes knows users by number only; the image's own user runs it."
        service.lost("user", why, "Give the numbers, or set the user in the image.")
    number = int(user) if user.isdigit() else None
    # Docker gives a user without a group the group from the image's /etc/passwd, and so does Kubernetes.
    return number, int(group) if group.isdigit() else None


def resources(service: Reading) -> dict[str, object]:
    """Requests and limits. Where there is a limit and no request, Kubernetes reserves the limit, which is reported."""
    settings = service.under("deploy").under("resources")
    limits, reserved = settings.under("limits"), settings.under("reservations")
    quota = cpu_quota(service.data)
    for key in ("cpu_quota", "cpu_period") if quota else ():
        service.take(key)
    found_limits = filled(
        {
            "cpu": cpu_text(limits.take("cpus") or service.take("cpus") or quota),
            "memory": memory_text(limits.text("memory") or service.text("mem_limit")),
        }
    )
    found_requests = filled(
        {
            "cpu": cpu_text(reserved.take("cpus")),
            "memory": memory_text(reserved.text("memory") or service.text("mem_reservation")),
        }
    )
    # Both forms are read, so that the one that repeats the other is not reported.
    for key in ("cpus", "mem_limit", "mem_reservation"):
        service.take(key)
    unasked = [name for name in found_limits if name not in found_requests]
    if unasked:
        why = f"Kubernetes sets aside as much {' and '.join(unasked)} as the limit says, where compose sets nothing aside."
        limits.approximated("", why, "Say under `reservations` what it really needs.")
    for name, count in _gpus(service, reserved):
        found_limits[name] = count
    return filled({"requests": found_requests, "limits": found_limits})


def _gpus(service: Reading, reserved: Reading) -> Sequence[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    devices = [*service.each("gpus"), *reserved.each("devices")]
    for device in devices:
        kinds = device.texts("capabilities")
        driver, count = device.text("driver"), device.number("count")
        if (kinds and "gpu" not in kinds) or driver not in {None, "nvidia"}:
            device.lost("", "Only GPUs of NVIDIA are known here.", "Ask for the device plugin's own resource.")
            continue
        wanted = count if count and count > 0 else max(1, len(device.texts("device_ids")))
        found = [("nvidia.com/gpu", wanted)]
        why = f"It asks NVIDIA's device plugin for {wanted}; compose without a number means all of the machine's."
        device.approximated("", why, "Install the device plugin; set the number.")
    return found


def cpu_text(value: object) -> str | None:
    """`0.5` processors are `500m`; None for none."""
    if not re.fullmatch(r"\d*\.?\d+(e-?\d+)?", str(value)):
        return None
    thousandths = round(float(str(value)) * 1000)
    if thousandths <= 0:
        return None
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def memory_text(value: str | None) -> str | None:
    """Bytes, or a size as compose writes it, in the largest unit that leaves a whole number: `256Mi`; None for none."""
    size = byte_size(value)
    if not size:
        return None
    for unit, power in (("Gi", 3), ("Mi", 2), ("Ki", 1)):
        if size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)
