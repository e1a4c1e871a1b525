"""A compose project as Kubernetes manifests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from trimtab.deploy.targets.image_checks import with_checks
from trimtab.deploy.targets.kubernetes import network
from trimtab.deploy.targets.kubernetes.concealing import concealer
from trimtab.deploy.targets.kubernetes.labels import PLACEHOLDER, Environment, Marks, environment, hider, marks, selector
from trimtab.deploy.targets.kubernetes.names import allot, data_key, label_value, port_name
from trimtab.deploy.targets.kubernetes.placing import placing
from trimtab.deploy.targets.kubernetes.probes import probes
from trimtab.deploy.targets.kubernetes.process import process, resources, security
from trimtab.deploy.targets.kubernetes.reasons import REASONS
from trimtab.deploy.targets.kubernetes.storage import Mounts, Shared, claim, is_external, mounts
from trimtab.deploy.targets.kubernetes.workloads import Shape, disruption_budget, shape_of, waiting, workload
from trimtab.deploy.targets.loss import Exported, Loss, LossKind, in_order
from trimtab.deploy.targets.manifest import filled, manifest_text
from trimtab.deploy.targets.project import Project, image_of, read_project, unescaped
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import items, mapping, text

SECRETS, VOLUMES, CONFIGS, POLICIES = "secrets", "volumes", "configs", "network-policies"
_PULL = {"always": "Always", "never": "Never", "missing": "IfNotPresent", "if_not_present": "IfNotPresent"}
Manifest = dict[str, object]


@dataclass(frozen=True)
class KubernetesOptions:
    """What the project itself does not say."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """By service: the image to run, best by digest."""
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """The texts of configuration files by the path that the project gives."""
    checks: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    """By service: the health check that its image brings along, as compose would say it; Kubernetes runs no image's own."""
    liveness: bool = False
    """Whether an unhealthy container is restarted, which compose does not do."""
    wait_image: str | None = None
    """An image with `sh` and `nc`, for waiting until a dependency is ready."""
    volume_size: str = "1Gi"
    """How much is claimed for each volume; compose says nothing about it."""


@dataclass(frozen=True)
class _Plan:
    """The project with the names that everything has in the cluster."""

    project: Project
    options: KubernetesOptions
    names: Mapping[str, str]
    networks: Mapping[str, str]
    shared: Shared


def export_kubernetes(data: Mapping[str, object], options: KubernetesOptions | None = None) -> Exported:
    """Manifests for a project as `docker compose config --format json` prints it, and what is lost.

    One file for each service, and one each for secrets, volumes, configuration files and network policies, where there are any.
    No value of a credential is in them. The same project always gives the same files.
    """
    options = options or KubernetesOptions()
    project = read_project(with_checks(mapping(unescaped(dict(data))), options.checks))
    losses: list[Loss] = []
    plan = _plan(project, options)
    whole = Reading("", project.data, losses=losses)
    files, secrets = dict[str, str](), list[Manifest]()
    for name in project.services:
        documents, secret = _service(Reading(name, project.services[name], losses=losses), plan)
        files[f"{plan.names[name]}.yaml"] = manifest_text(documents)
        secrets += [secret] if secret else []
    for key in ("name", "services"):
        whole.take(key)
    claims, kept, configs = list(_claims(whole, plan)), list(_secrets(whole, plan)), list(_configs(whole, plan))
    _networks(whole)
    note = f"Put the real values in place of {PLACEHOLDER}, apply it by itself, and keep it out of version control."
    shared = {
        SECRETS: (secrets + kept, note),
        VOLUMES: (claims, "Compose says nothing about sizes and storage classes: look at them."),
        CONFIGS: (configs, ""),
        POLICIES: (
            list(network.policies(project, plan.names, plan.networks)),
            "They need a network plugin that enforces them.",
        ),
    }
    for name, (documents, comment) in shared.items():
        if documents:
            files[f"{name}.yaml"] = manifest_text(documents, *([comment] if comment else []))
    whole.report_unread(REASONS)
    return Exported(dict(sorted(files.items())), in_order(losses))


def _plan(project: Project, options: KubernetesOptions) -> _Plan:
    used = {name for body in project.services.values() for name in network.networks_of(body)}
    names = allot(project.services, (SECRETS, VOLUMES, CONFIGS, POLICIES))
    environments = [f"{name}-env" for name in names.values()]
    tops = {key: mapping(project.data.get(key)) for key in ("volumes", "secrets", "configs")}
    own = {
        key: allot((name for name, body in parts.items() if not is_external(body)), environments) for key, parts in tops.items()
    }
    # What is not made here has the name that it was given.
    outer = {key: {name: text(mapping(body).get("name")) or name for name, body in parts.items() if is_external(body)}
             for key, parts in tops.items()}  # fmt: skip
    found = {key: {**own[key], **allot_outer(outer[key])} for key in tops}
    shared = Shared(found["volumes"], found["secrets"], found["configs"], project.is_shared)
    return _Plan(project, options, names, allot(used), shared)


def allot_outer(outer: Mapping[str, str]) -> Mapping[str, str]:
    """Legal forms of names that are given from outside."""
    legal = allot(outer.values())
    return {name: legal[given] for name, given in outer.items()}


def _service(service: Reading, plan: _Plan) -> tuple[list[Manifest], Manifest | None]:
    """A service's manifests, and its Secret, which goes elsewhere."""
    project, name = plan.project, plan.names[service.owner]
    if name != service.owner:
        service.approximated("", f"The name is not legal there: it became `{name}`.", "Call it by that name.")
    shape = shape_of(service, project)
    variables = environment(service, project.credentials)
    said = marks(service, hider(service, variables, project.credentials, "labels"))
    mounted = mounts(service, plan.shared)
    labels = selector(name, project.name)
    template = _template(service, plan, variables, mounted, said)
    metadata = filled({"name": name, "labels": {**said.labels, **labels}, "annotations": dict(said.annotations)})
    documents: list[Manifest] = [_config_map(name, labels, variables)] if variables.plain else []
    documents.append(workload(service, shape, project, metadata, labels, template))
    documents += network.services(service, project, name, plan.names, needed=shape.kind == "StatefulSet")
    documents += [disruption_budget(name, labels)] if shape.count > 1 and shape.kind in {"Deployment", "StatefulSet"} else []
    _unchecked(service, shape)
    service.report_unread(REASONS)
    return documents, _secret(f"{name}-env", labels, variables.secret) if variables.secret else None


def _unchecked(service: Reading, shape: Shape) -> None:
    if shape.kind != "Job" and not service.has("healthcheck"):
        why = "None is known, and an image's own is not run: a pod counts as ready as soon as it has started."
        service.approximated("healthcheck", why, "Give the service a health check.")


def _template(service: Reading, plan: _Plan, variables: Environment, mounted: Mounts, said: Marks) -> Manifest:
    project, name = plan.project, plan.names[service.owner]
    rights = security(service)
    hide = hider(service, variables, project.credentials)
    reached = {port.number for port in project.ports[service.owner]}
    check = probes(service.under("healthcheck"), reached, liveness=plan.options.liveness)
    container = {
        "name": name,
        "image": _image(service, plan),
        "imagePullPolicy": _pull(service),
        **process(
            service, hide, *(concealer(service, variables, project.credentials, key) for key in ("post_start", "pre_stop"))
        ),
        "ports": [
            filled(
                {
                    "name": port_name(port.number, port.protocol),
                    "containerPort": port.number,
                    "protocol": None if port.protocol == "TCP" else port.protocol,
                }
            )
            for port in project.ports[service.owner]
        ],
        "envFrom": [
            *([{"configMapRef": {"name": f"{name}-env"}}] if variables.plain else []),
            *([{"secretRef": {"name": f"{name}-env"}}] if variables.secret else []),
        ],
        "resources": resources(service),
        **_without_credentials(check, service, plan, variables),
        "securityContext": dict(rights.container),
        "volumeMounts": mounted.places,
    }
    group = mapping(rights.container).get("runAsGroup") if mounted.claims else None
    spec = {
        # Compose's containers know nothing of a cluster: no token, and no variables about every Service around.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **placing(service),
        "securityContext": filled({**rights.pod, "fsGroup": group}),
        "initContainers": list(waiting(service, project, plan.names, plan.options.wait_image)),
        "containers": [filled(container)],
        "volumes": list(mounted.volumes.values()),
    }
    joined = {network.network_label(each): "true" for each in network.networks_of(service.data)}
    digest = {"io.trimtab/environment": variables.digest} if variables.plain else {}
    labels = {**said.labels, **selector(name, project.name), **joined}
    return {"metadata": filled({"labels": labels, "annotations": {**said.annotations, **digest}}), "spec": filled(spec)}


def _without_credentials(check: Manifest, service: Reading, plan: _Plan, variables: Environment) -> Manifest:
    """Probes whose commands and addresses hold no credential."""
    hide = hider(service, variables, plan.project.credentials, "healthcheck.test")
    conceal = concealer(service, variables, plan.project.credentials, "healthcheck.test")
    found = dict[str, object]()
    for kind, probe in check.items():
        words = [str(word) for word in items(mapping(mapping(probe).get("exec")).get("command"))]
        asked = mapping(mapping(probe).get("httpGet"))
        if asked:
            found[kind] = {**mapping(probe), "httpGet": {**asked, "path": hide(str(asked["path"]))}}
        else:
            found[kind] = {**mapping(probe), "exec": {"command": conceal(words)}}
    return found


def _image(service: Reading, plan: _Plan) -> str:
    given = plan.options.images.get(service.owner)
    image = given or image_of(plan.project, service.owner)
    service.take("image")
    if service.has("build"):
        kind = LossKind.MOOT if given else LossKind.APPROXIMATED
        advice = "" if given else "Push it to a registry that the cluster reaches, and name it: `--image SERVICE=…@sha256:…`."
        service.note("build", kind, "A cluster pulls images and builds none.", advice)
    return image


def _pull(service: Reading) -> str | None:
    policy = service.text("pull_policy")
    if policy and policy not in _PULL:
        why = f"Images are pulled always, never, or when they are missing; `{policy}` is none of these."
        service.approximated("pull_policy", why)
    return _PULL.get(policy or "")


def _config_map(name: str, labels: Mapping[str, str], variables: Environment) -> Manifest:
    return _data("ConfigMap", f"{name}-env", labels, dict(variables.plain))


def _secret(name: str, labels: Mapping[str, str], keys: tuple[str, ...]) -> Manifest:
    metadata = {"name": name, "labels": dict(labels)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {data_key(key): PLACEHOLDER for key in keys},
    }


def _data(kind: str, name: str, labels: Mapping[str, str], data: Mapping[str, str]) -> Manifest:
    metadata = {"name": name, "labels": dict(labels)}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": metadata,
        "data": {data_key(key): value for key, value in data.items()},
    }


def _part_of(plan: _Plan) -> dict[str, str]:
    return {"app.kubernetes.io/part-of": label_value(plan.project.name)}


def _claims(whole: Reading, plan: _Plan) -> Iterator[Manifest]:
    for name, volume in whole.named("volumes").items():
        volume.take("name")
        if is_external(volume.data) or name not in plan.project.users:
            continue
        many = plan.project.is_shared(name)
        if many:
            users = "`, `".join(sorted(plan.project.users[name]))
            why = f"`{users}` mount it, on whatever nodes they are, which takes a storage class with ReadWriteMany."
            advice = (
                "Choose one, or keep the pods on one node and make it ReadWriteOnce; a SQLite file belongs on no network disk."
            )
            volume.approximated("", why, advice)
        yield claim(plan.shared.claims[name], plan.options.volume_size, many=many, labels=_part_of(plan))


def _secrets(whole: Reading, plan: _Plan) -> Iterator[Manifest]:
    for name, secret in whole.named("secrets").items():
        secret.take("name")
        legal = plan.shared.secrets[name]
        if secret.take("external"):
            secret.approximated("external", "It is not made here.", f"Make a Secret `{legal}` with the key `content`.")
            continue
        source = secret.text("file") or secret.text("environment") or ""
        secret.note("file" if secret.has("file") else "environment", LossKind.APPROXIMATED, "Its value is not written down.",
                    f"`kubectl create secret generic {legal} --from-file=content={source.rpartition('/')[2]}`")  # fmt: skip
        yield _secret(legal, _part_of(plan), ("content",))


def _configs(whole: Reading, plan: _Plan) -> Iterator[Manifest]:
    for name, config in whole.named("configs").items():
        config.take("name")
        legal = plan.shared.configs[name]
        if config.take("external"):
            config.approximated("external", "It is not made here.", f"Make a ConfigMap `{legal}` with the key `content`.")
            continue
        path, content = config.text("file"), config.text("content")
        content = plan.options.texts.get(path) if path and content is None else content
        if content is None:
            key = "file" if path else "environment"
            advice = f"`kubectl create configmap {legal} --from-file=content={(path or '').rpartition('/')[2]}`"
            config.lost(key, "Its text was not to be had.", advice)
            content = PLACEHOLDER
        yield _data("ConfigMap", legal, _part_of(plan), {"content": _hidden(config, content, plan)})


def _hidden(config: Reading, content: str, plan: _Plan) -> str:
    def instead(_: str) -> str:
        config.lost("content", "A credential stands in it; it is not written down.", "Make it a Secret.")
        return PLACEHOLDER

    return plan.project.credentials.hide(content, instead)


def _networks(whole: Reading) -> None:
    for each in whole.named("networks").values():
        each.take("name")
        each.take("internal")
        each.take("labels")
        if each.data.get("driver") in {"bridge", "overlay"}:
            each.take("driver")
