"""A project as compose prints it, and a value for every setting that a service can have."""

import copy
from collections.abc import Mapping

from trimtab.fleet.plain import mapping

PASSWORD, TOKEN = "hunter2-not-a-word", "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
Data = dict[str, object]

SETTINGS: dict[str, object] = {
    "annotations": {"example.com/note": "x"},
    "attach": False,
    "blkio_config": {"weight": 300},
    "build": {"context": "/src", "dockerfile": "Dockerfile"},
    "cap_add": ["NET_ADMIN"],
    "cap_drop": ["ALL"],
    "cgroup": "private",
    "cgroup_parent": "m-executor",
    "command": ["serve", "$$HOME"],
    "configs": [{"source": "conf", "target": "/etc/conf"}],
    "container_name": "the-app",
    "cpu_count": 2,
    "cpu_percent": 50,
    "cpu_period": 100000,
    "cpu_quota": 50000,
    "cpu_rt_period": 1000,
    "cpu_rt_runtime": 900,
    "cpu_shares": 512,
    "cpus": 0.5,
    "cpuset": "0,1",
    "credential_spec": {"config": "conf"},
    "depends_on": {"db": {"condition": "service_healthy", "required": True}},
    "deploy.endpoint_mode": "dnsrr",
    "deploy.labels": {"example.com/team": "shop"},
    "deploy.mode": "global",
    "deploy.placement.constraints": ["node.labels.disk == ssd"],
    "deploy.placement.max_replicas_per_node": 1,
    "deploy.placement.preferences": [{"spread": "node.labels.zone"}],
    "deploy.replicas": 3,
    "deploy.resources.limits.cpus": 0.75,
    "deploy.resources.limits.memory": "268435456",
    "deploy.resources.limits.pids": 100,
    "deploy.resources.reservations.cpus": "0.25",
    "deploy.resources.reservations.devices": [{"capabilities": ["gpu"], "driver": "nvidia", "count": 1}],
    "deploy.resources.reservations.generic_resources": [{"discrete_resource_spec": {"kind": "gpu", "value": 1}}],
    "deploy.resources.reservations.memory": "134217728",
    "deploy.restart_policy.condition": "on-failure",
    "deploy.restart_policy.delay": "5s",
    "deploy.restart_policy.max_attempts": 4,
    "deploy.restart_policy.window": "2m0s",
    "deploy.rollback_config.delay": "3s",
    "deploy.rollback_config.failure_action": "continue",
    "deploy.rollback_config.max_failure_ratio": 0.25,
    "deploy.rollback_config.monitor": "11s",
    "deploy.rollback_config.order": "stop-first",
    "deploy.rollback_config.parallelism": 2,
    "deploy.update_config.delay": "10s",
    "deploy.update_config.failure_action": "pause",
    "deploy.update_config.max_failure_ratio": 0.5,
    "deploy.update_config.monitor": "12s",
    "deploy.update_config.order": "stop-first",
    "deploy.update_config.parallelism": 2,
    "develop": {"watch": [{"action": "sync", "path": "/src", "target": "/app"}]},
    "device_cgroup_rules": ["c 1:3 mr"],
    "devices": [{"source": "/dev/ttyUSB0", "target": "/dev/ttyUSB0", "permissions": "rwm"}],
    "dns": ["192.0.2.53"],
    "dns_opt": ["ndots:2"],
    "dns_search": ["example.com"],
    "domainname": "example.com",
    "entrypoint": ["/init", "--fast"],
    "env_file": [{"path": "x.env"}],
    "environment": {"MODE": "fast"},
    "expose": ["9100"],
    "extends": {"service": "db"},
    "external_links": ["other:other"],
    "extra_hosts": ["printer=192.0.2.7"],
    "gpus": [{"count": -1}],
    "group_add": ["44"],
    "healthcheck": {"test": ["CMD", "check"], "interval": "7s", "timeout": "3s", "retries": 5, "start_period": "20s"},
    "hostname": "box",
    "init": True,
    "ipc": "host",
    "isolation": "hyperv",
    "label_file": ["labels"],
    "labels": {"example.com/owner": "me"},
    "links": ["db:database"],
    "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
    "mac_address": "02:42:ac:11:65:43",
    "mem_limit": "536870912",
    "mem_reservation": "67108864",
    "mem_swappiness": "60",
    "memswap_limit": "1073741824",
    "models": {"llm": None},
    "network_mode": "host",
    "networks": {"back": {"aliases": ["app-alias"], "ipv4_address": "192.0.2.9"}},
    "oom_kill_disable": True,
    "oom_score_adj": 300,
    "pid": "host",
    "pids_limit": 200,
    "platform": "linux/arm64",
    "ports": [{"mode": "ingress", "target": 8080, "published": "80", "protocol": "tcp", "host_ip": "127.0.0.1"}],
    "post_start": [{"command": ["warm"]}],
    "pre_start": [{"command": ["migrate"]}],
    "pre_stop": [{"command": ["drain"]}],
    "privileged": True,
    "profiles": ["debug"],
    "provider": {"type": "cloud"},
    "pull_policy": "always",
    "pull_refresh_after": "1h",
    "read_only": True,
    "restart": "on-failure:3",
    "runtime": "runsc",
    "scale": 2,
    "secrets": [{"source": "token", "target": "/run/secrets/token", "mode": "0400", "uid": "1000"}],
    "security_opt": ["no-new-privileges:true"],
    "shm_size": "67108864",
    "stdin_open": True,
    "stop_grace_period": "45s",
    "stop_signal": "SIGQUIT",
    "storage_opt": {"size": "1G"},
    "sysctls": {"net.core.somaxconn": "1024"},
    "tmpfs": ["/run:size=64m"],
    "tty": True,
    "ulimits": {"nofile": {"soft": 1024, "hard": 2048}},
    "use_api_socket": True,
    "user": "1000:1000",
    "userns_mode": "host",
    "uts": "host",
    "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {"subpath": "one"}}],
    "volumes_from": ["db"],
    "working_dir": "/srv",
    "something_new": {"of": "a later compose"},
}
"""By key, below `deploy` by path. Every property that compose-spec's schema has for a service but `image`, and one it has not."""


def project() -> Data:
    """Two services of which one has next to nothing, and something of each kind that services share."""
    return {
        "name": "sample",
        "services": {
            "app": {"image": "registry.example/app:1", "expose": ["8000"], "restart": "always"},
            "db": {
                "image": "registry.example/db:1",
                "expose": ["5432"],
                "restart": "always",
                "healthcheck": {"test": ["CMD", "ready"], "interval": "5s"},
            },
        },
        "networks": {"default": {"name": "sample_default", "ipam": {}}, "back": {"name": "sample_back", "ipam": {}}},
        "volumes": {"data": {"name": "sample_data"}},
        "secrets": {"token": {"name": "sample_token", "file": "/src/token"}},
        "configs": {"conf": {"name": "sample_conf", "content": "a = $$b\n"}},
    }


def with_setting(data: Mapping[str, object], service: str, path: str, value: object) -> Data:
    """The project with one more setting of a service."""
    found = copy.deepcopy(dict(data))
    target: dict[str, object] = _part(_part(found, "services"), service)
    *above, last = path.split(".")
    for key in above:
        target = _part(target, key)
    target[last] = copy.deepcopy(value)
    return found


def without(data: Mapping[str, object], service: str, key: str) -> Data:
    """The project without a setting of a service."""
    services = mapping(data.get("services"))
    body = {name: value for name, value in mapping(services.get(service)).items() if name != key}
    return {**data, "services": {**services, service: body}}


def _part(data: Data, key: str) -> Data:
    part = dict(mapping(data.get(key)))
    data[key] = part
    return part


def with_all(data: Mapping[str, object], service: str, paths: list[str]) -> Data:
    """The project with several settings of a service."""
    found = dict(data)
    for path in paths:
        found = with_setting(found, service, path, SETTINGS[path])
    return found
