"""What holds for the manifests of every project."""

import re
from collections.abc import Iterator, Mapping, Sequence

import yaml
from compose_samples import SETTINGS, with_setting
from hypothesis import given
from hypothesis import strategies as st

from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.deploy.targets.loss import Exported
from trimtab.fleet.plain import items, mapping

Manifest = Mapping[str, object]
LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}
# Compose's own pattern for the names of services (compose-spec's schema).
NAMES = st.from_regex(r"[a-zA-Z0-9._-]{1,70}", fullmatch=True)


@st.composite
def projects(draw: st.DrawFn) -> dict[str, object]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    volume, secret, config, network = (draw(NAMES) for _ in range(4))
    data: dict[str, object] = {
        "name": draw(NAMES),
        "services": {name: {"image": f"registry.example/x{number}:1"} for number, name in enumerate(names)},
        "networks": {"default": {"name": "p_default"}, network: {"name": f"p_{network}", "internal": draw(st.booleans())}},
        "volumes": {volume: {"name": f"p_{volume}"}},
        "secrets": {secret: {"name": f"p_{secret}", "file": "/src/token"}},
        "configs": {config: {"name": f"p_{config}", "content": "x"}},
    }
    own: dict[str, object] = {
        "volumes": [{"type": "volume", "source": volume, "target": "/data"}],
        "secrets": [{"source": secret}],
        "configs": [{"source": config, "target": "/etc/c"}],
        "networks": {network: {"aliases": draw(st.lists(NAMES, max_size=2))}},
        "depends_on": {names[0]: {"condition": "service_healthy", "required": True}},
    }
    for name in names:
        for path in sorted(draw(st.sets(st.sampled_from(sorted(SETTINGS)), max_size=12))):
            data = with_setting(data, name, path, own.get(path, SETTINGS[path]))
        for key, value in draw(checks()).items():
            data = with_setting(data, name, f"healthcheck.{key}", value)
    return data


@st.composite
def checks(draw: st.DrawFn) -> dict[str, object]:
    seconds = st.sampled_from(["1s", "500ms", "1.5s", "30s", "1m30s", "10m0s", "2h0m0s"])
    tests = st.sampled_from(
        [
            ["CMD", "check"],
            ["CMD-SHELL", "curl -fsS http://localhost:8080/health?x=1 || exit 1"],
            ["CMD", "wget", "-q", "--spider", "http://127.0.0.1/"],
            ["CMD-SHELL", "curl -f http://localhost:99999/"],
            ["NONE"],
        ]
    )
    parts = {"test": tests, "interval": seconds, "timeout": seconds, "start_period": seconds, "start_interval": seconds,
             "retries": st.integers(0, 50)}  # fmt: skip
    chosen = draw(st.sets(st.sampled_from(sorted(parts))))
    return {key: draw(parts[key]) for key in sorted(chosen)} if "test" in chosen else {}


OPTIONS = st.builds(KubernetesOptions, liveness=st.booleans(), wait_image=st.sampled_from([None, "busybox:1"]))


def documents(found: Exported) -> Sequence[Manifest]:
    return [mapping(each) for text in found.files.values() for each in yaml.safe_load_all(text)]


def at(manifest: object, *path: str) -> object:
    for key in path:
        manifest = mapping(manifest).get(key)
    return manifest


def pod_of(manifest: Manifest) -> Manifest:
    return mapping(at(manifest, "spec", "template", "spec"))


@given(projects(), OPTIONS)
def test_names_labels_and_ports_are_legal_and_unique(data: dict[str, object], options: KubernetesOptions) -> None:
    found = documents(export_kubernetes(data, options))
    named = [(str(each["kind"]), str(at(each, "metadata", "name"))) for each in found]
    assert len(named) == len(set(named))
    for kind, name in named:
        pattern, longest = (LABEL_1035, 63) if kind in {"Service", *WORKLOADS} else (SUBDOMAIN, 253)
        assert pattern.fullmatch(name), (kind, name)
        assert len(name) <= longest
    for each in found:
        for labels in (at(each, "metadata", "labels"), at(each, "spec", "template", "metadata", "labels")):
            assert all(VALUE.fullmatch(str(value)) and len(str(value)) <= 63 for value in mapping(labels).values())
            assert all(len(key.rpartition("/")[2]) <= 63 for key in mapping(labels))
        if each["kind"] == "Service":
            _check_ports([mapping(port) for port in items(at(each, "spec", "ports"))])


def _check_ports(ports: Sequence[Manifest]) -> None:
    names = [str(port["name"]) for port in ports]
    assert len(names) == len(set(names))
    assert all(PORT_NAME.fullmatch(name) for name in names)
    assert all(0 < int(str(port["port"])) < 65536 for port in ports)


@given(projects(), OPTIONS)
def test_whatever_is_referred_to_is_there(data: dict[str, object], options: KubernetesOptions) -> None:
    found = documents(export_kubernetes(data, options))
    workloads = [each for each in found if each["kind"] in WORKLOADS]
    pods = [mapping(at(each, "spec", "template", "metadata", "labels")).items() for each in workloads]
    assert len(workloads) == len(mapping(data["services"]))
    for each in found:
        if each["kind"] == "Service":
            assert _matches(mapping(at(each, "spec", "selector")), pods) == 1
        elif each["kind"] in {"PodDisruptionBudget", "Deployment", "StatefulSet", "DaemonSet"}:
            assert _matches(mapping(at(each, "spec", "selector", "matchLabels")), pods) == 1
    there = {(str(each["kind"]), str(at(each, "metadata", "name"))) for each in found}
    for each in workloads:
        assert set(_references(pod_of(each))) <= there
        volumes = [str(mapping(volume)["name"]) for volume in items(pod_of(each).get("volumes"))]
        mounted = {str(mapping(place)["name"]) for place in items(_container(each).get("volumeMounts"))}
        assert len(volumes) == len(set(volumes))
        assert mounted == set(volumes)
        assert all(LABEL_1035.fullmatch(name) and len(name) <= 63 for name in volumes)


def _matches(selector: Manifest, pods: Sequence[object]) -> int:
    return sum(selector.items() <= labels for labels in pods)  # pyright: ignore[reportOperatorIssue, reportUnknownArgumentType, reportUnknownVariableType]


def _container(workload: Manifest) -> Manifest:
    return mapping(items(pod_of(workload)["containers"])[0])


def _references(pod: Manifest) -> Iterator[tuple[str, str]]:
    kinds = {
        "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
        "secret": ("Secret", "secretName"),
        "configMap": ("ConfigMap", "name"),
    }
    for volume in map(mapping, items(pod.get("volumes"))):
        yield from ((kind, str(at(volume, key, field))) for key, (kind, field) in kinds.items() if key in volume)
    for source in map(mapping, items(mapping(items(pod["containers"])[0]).get("envFrom"))):
        yield from (({"configMapRef": "ConfigMap", "secretRef": "Secret"}[key], str(at(source, key, "name"))) for key in source)


@given(projects(), OPTIONS)
def test_the_numbers_of_probes_are_in_range_and_starts_are_waited_for(
    data: dict[str, object], options: KubernetesOptions
) -> None:
    for each in documents(export_kubernetes(data, options)):
        if each["kind"] not in WORKLOADS:
            continue
        container = _container(each)
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = mapping(container.get(kind))
            numbers = [probe[key] for key in ("periodSeconds", "timeoutSeconds", "failureThreshold") if key in probe]
            assert all(isinstance(number, int) and number >= 1 for number in numbers)
            assert ("exec" in probe) + ("httpGet" in probe) == (1 if probe else 0)
        start = mapping(container.get("startupProbe"))
        limit = at(each, "spec", "progressDeadlineSeconds")
        if start and each["kind"] == "Deployment":
            budget = int(str(start["periodSeconds"])) * int(str(start["failureThreshold"]))
            assert budget < (int(str(limit)) if limit else 600)


@given(projects(), OPTIONS)
def test_no_update_takes_a_pod_away_before_its_successor_is_ready_unless_it_has_to(
    data: dict[str, object], options: KubernetesOptions
) -> None:
    for each in documents(export_kubernetes(data, options)):
        if each["kind"] != "Deployment":
            continue
        strategy = mapping(at(each, "spec", "strategy"))
        claims = [volume for volume in map(mapping, items(pod_of(each).get("volumes"))) if "persistentVolumeClaim" in volume]
        rolling = mapping(strategy.get("rollingUpdate"))
        if strategy["type"] == "Recreate":
            assert claims
            assert at(each, "spec", "replicas") in (0, 1)
        else:
            assert int(str(rolling["maxSurge"])) + int(str(rolling["maxUnavailable"])) > 0
            assert not (pod_of(each).get("hostNetwork") and rolling["maxSurge"])


@given(projects())
def test_a_text_says_the_same_to_readers_of_either_yaml(data: dict[str, object]) -> None:
    # What a reader of YAML 1.2 and one of 1.1 take differently has to be in quotes.
    doubtful = re.compile(r"(?m)^\s*(?:- |[^\s:\"][^:\"]*: )(y|n|yes|no|on|off|\d+e\d+|0o?\d+|\d+:\d+|~)$", re.IGNORECASE)
    for text in export_kubernetes(data).files.values():
        assert not doubtful.search(text)
