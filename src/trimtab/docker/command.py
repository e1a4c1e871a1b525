"""Commands for the docker client, as pure functions to argv.

Values that may be secret never stand on a command line: environment variables are passed by name, and their values in
the client's own environment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LABEL = "io.trimtab.run"
"""Marks every container and image that a run makes, so that it can be cleaned up after any end."""

ANSWER = 600.0
"""Seconds for what builds and carries nothing: removing large images takes an engine with a slow disk some minutes."""
WORK = 4 * 3600.0
"""Seconds for what builds, pulls, pushes, or carries whole images."""


@dataclass(frozen=True, slots=True)
class Command:
    """One process to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to the environment; values are not part of any log."""
    stdin: bytes = field(default=b"", repr=False)
    """What the process reads from its standard input; not part of any log."""
    keeps_stdin: bool = False
    """Whether its standard input stays open behind that."""
    seconds: float | None = ANSWER
    """The most that it may take, where its caller does not say; None for what goes on until it is cancelled."""
    folder: str = ""
    """Where it runs; `""` for where trimtab does."""
    dropped: tuple[str, ...] = ()
    """Names that are taken out of the environment."""


OWN_NAMES = frozenset({"PATH", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "TMPDIR", "DOCKER_HOST", "DOCKER_CONFIG",
                        "DOCKER_CONTEXT", "DOCKER_API_VERSION", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
                        "BUILDX_BUILDER", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
                        "http_proxy", "https_proxy", "no_proxy", "all_proxy"})  # fmt: skip
"""Variables that the docker client itself obeys: passing them by name would change the client, so they go by value.

`DOCKER_AUTH_CONFIG` is one too, and is not among them: it is a credential, and a command line can be read by every process.
"""


def docker(*words: str, env: Mapping[str, str] | None = None, seconds: float | None = ANSWER) -> Command:
    """A call of the docker client, and the most that it may take."""
    passed = {name: value for name, value in (env or {}).items() if name not in OWN_NAMES}
    return Command(("docker", *words), passed, seconds=seconds)


def by_name(flag: str, values: Mapping[str, str]) -> list[str]:
    """Words that pass variables on: each by its name, with its value in the client's environment, but for `OWN_NAMES`."""
    return [word for name, value in sorted(values.items()) for word in (flag, f"{name}={value}" if name in OWN_NAMES else name)]


def version() -> Command:
    """Asks the engine for its version."""
    return docker("version", "--format", "{{.Server.Version}}")


def engine_address() -> Command:
    """Asks the client where the engine is that it would ask: `unix:///var/run/docker.sock`."""
    return docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")


def root_folder() -> Command:
    """Asks the engine where it keeps its data."""
    return docker("info", "--format", "{{.DockerRootDir}}")


def build(
    *, context: str, dockerfile: str, tag: str, run: str, target: str | None = None, args: Mapping[str, str] | None = None,
    contexts: Mapping[str, str] | None = None, no_cache: bool = False, metadata_file: str | None = None,
) -> Command:  # fmt: skip
    """A build with machine-readable progress on standard error. Build arguments go by name."""
    words = ["buildx", "build", "--progress", "rawjson", "--file", dockerfile, "--tag", tag, "--label", f"{LABEL}={run}"]
    words += by_name("--build-arg", args or {})
    for name, value in sorted((contexts or {}).items()):
        words += ["--build-context", f"{name}={value}"]
    words += ["--target", target] if target else []
    words += ["--no-cache"] if no_cache else []
    words += ["--metadata-file", metadata_file] if metadata_file else []
    return docker(*words, "--load", "--provenance=false", context, env=args, seconds=WORK)


def check(*, context: str, dockerfile: str, target: str | None = None) -> Command:
    """BuildKit's own opinion of a Dockerfile, without building it."""
    words = ["buildx", "build", "--check", "--file", dockerfile]
    return docker(*words, *(["--target", target] if target else []), context)


def compose_config(files: Sequence[str], folder: str) -> Command:
    """A project as compose reads it, as JSON; relative paths count from a folder, wherever its files are."""
    named = (word for file in files for word in ("--file", file))
    return docker("compose", "--project-directory", folder, *named, "config", "--format", "json")


def compose(file: str, project: str, *words: str) -> Command:
    """A call of compose about one project."""
    return docker("compose", "--file", file, "--project-name", project, "--progress", "plain", *words, seconds=WORK)


def compose_hashes(files: Sequence[str], folder: str) -> Command:
    """Compose's own digest of each service's configuration: a line of name and digest each."""
    named = (word for file in files for word in ("--file", file))
    return docker("compose", "--project-directory", folder, *named, "config", "--hash", "*")


def compose_services(files: Sequence[str], folder: str) -> Command:
    """The names of a project's services, those of every profile among them, a line each."""
    named = (word for file in files for word in ("--file", file))
    return docker("compose", "--project-directory", folder, *named, "--profile", "*", "config", "--services")


def compose_models(project: bytes, name: str, folder: str, services: Sequence[str]) -> Command:
    """Creates containers of a project that is given on standard input; starts, builds, pulls and replaces nothing."""
    words = ("--project-directory", folder, "--project-name", name, "--file", "-", "--progress", "plain")
    asked = docker("compose", *words, "create", "--no-build", "--pull", "never", "--no-recreate", *services)
    return Command(asked.argv, {"COMPOSE_IGNORE_ORPHANS": "1", "COMPOSE_PROFILES": ""}, project)


def events(project_label: str, since: float, *actions: str) -> Command:
    """What happens to a project's containers from a time on, in seconds since 1970: a line of JSON each, without an end."""
    filters = (word for action in actions for word in ("--filter", f"event={action}"))
    label = ("--filter", "type=container", "--filter", f"label={project_label}")
    return docker("events", "--since", f"{since:.3f}", *label, *filters, "--format", "{{json .}}", seconds=None)


def pull(image: str) -> Command:
    """Gets an image from its registry."""
    return docker("pull", "--quiet", image, seconds=WORK)


def tag_image(image: str, reference: str) -> Command:
    """Gives an image one more name."""
    return docker("image", "tag", image, reference)


def untag(*references: str) -> Command:
    """Takes names from images; an image without any other, which nothing uses, is removed with its last one."""
    return docker("image", "rm", *references)


def image_inspect(*images: str) -> Command:
    """Images' configurations as JSON, in the order asked."""
    return docker("image", "inspect", *images)


def create(image: str, run: str) -> Command:
    """A container that is never started, for reading the image's files; it needs a command, not a real one."""
    return docker("create", "--label", f"{LABEL}={run}", "--network", "none", image, "-")


def export(container: str) -> Command:
    """A container's merged files as a tar on standard output."""
    return docker("export", container, seconds=WORK)


def image_id(image: str) -> Command:
    """The id of an image that the engine has."""
    return docker("image", "inspect", "--format", "{{.Id}}", image)


def save(image: str) -> Command:
    """An image with its layers as a tar on standard output."""
    return docker("save", image, seconds=WORK)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a container runs: its network, its name in it, and what is mounted."""

    network: str = "none"
    alias: str | None = None
    hosts: Sequence[str] = ()
    """Names that resolve to the loopback."""
    volumes: Sequence[str] = ()
    """As for `--volume`."""
    tmpfs: Sequence[str] = ()
    walls: Sequence[str] = ()
    """Words that narrow what the container may do."""


_DEFAULT_CAPABILITIES = frozenset(
    ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP"]
    + ["SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]
)
"""What the engine gives every container (moby's `caps/defaults.go`)."""


def walls(
    *, security: Sequence[str] = (), drop: Sequence[str] = (), add: Sequence[str] = (), init: bool = False
) -> tuple[str, ...]:
    """The narrowing part of a service's settings. What would give a container more than the engine's default is left out."""
    words = ["--init"] if init else []
    for option in security:
        words += ["--security-opt", "no-new-privileges"] if option.startswith("no-new-privileges") else []
    for name in drop:
        words += ["--cap-drop", name]
    for name in add:
        words += ["--cap-add", name] if name.upper().removeprefix("CAP_") in _DEFAULT_CAPABILITIES else []
    return tuple(words)


def start(
    *, image: str, run: str, placement: Placement | None = None, environment: Mapping[str, str] | None = None,
    user: str | None = None, workdir: str | None = None, read_only: bool = False, memory: str | None = None,
    cpus: str | None = None, stop_signal: str | None = None, health: Sequence[str] = (), entrypoint: str | None = None,
    arguments: Sequence[str] = (),
) -> Command:  # fmt: skip
    """A detached container, without a network where the placement names none."""
    placement = placement or Placement()
    words = ["run", "--detach", "--label", f"{LABEL}={run}", "--network", placement.network]
    words += ["--network-alias", placement.alias] if placement.alias else []
    words += by_name("--env", environment or {})
    for host in placement.hosts:
        words += ["--add-host", f"{host}:127.0.0.1"]
    for path in placement.volumes:
        words += ["--volume", path]
    for path in placement.tmpfs:
        words += ["--tmpfs", path]
    words += ["--user", user] if user else []
    words += ["--workdir", workdir] if workdir else []
    words += ["--read-only"] if read_only else []
    words += ["--memory", memory] if memory else []
    words += ["--cpus", cpus] if cpus else []
    words += ["--stop-signal", stop_signal] if stop_signal else []
    words += [*placement.walls, *health]
    words += ["--entrypoint", entrypoint] if entrypoint is not None else []
    return docker(*words, image, *arguments, env=environment)


def stop(container: str, grace: float) -> Command:
    """Sends a container its stop signal, and kills it after so many seconds."""
    return docker("stop", "--time", f"{max(1, round(grace))}", container, seconds=grace + ANSWER)


def network_create(name: str, run: str) -> Command:
    """A network without a way out."""
    return docker("network", "create", "--internal", "--label", f"{LABEL}={run}", name)


def bridge_gateway() -> Command:
    """The address that this machine has in the network of builds."""
    return docker("network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", "bridge")


def networks_of(run: str) -> Command:
    """The ids of all networks of a run."""
    return docker("network", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={run}")


def remove_networks(*networks: str) -> Command:
    """Removes networks that no container uses."""
    return docker("network", "rm", *networks)


def volume_create(name: str, run: str) -> Command:
    """An empty volume."""
    return docker("volume", "create", "--label", f"{LABEL}={run}", name)


def volumes_of(run: str) -> Command:
    """The names of all volumes of a run."""
    return docker("volume", "ls", "--quiet", "--filter", f"label={LABEL}={run}")


def remove_volumes(*volumes: str) -> Command:
    """Removes volumes that no container uses."""
    return docker("volume", "rm", "--force", *volumes)


def run_once(
    image: str, run: str, *, entrypoint: str, arguments: Sequence[str], user: str = "0", network: str = "none"
) -> Command:
    """A container that runs one program, without a network unless one is named, and is gone afterwards."""
    words = ("run", "--rm", "--label", f"{LABEL}={run}", "--network", network, "--user", user, "--entrypoint", entrypoint)
    return docker(*words, image, *arguments)


def run_beside(container: str, image: str, run: str, entrypoint: str, arguments: Sequence[str]) -> Command:
    """A program of an image in the network of a running container; it is gone afterwards."""
    return run_once(image, run, entrypoint=entrypoint, arguments=arguments, network=f"container:{container}")


def inspect(container: str) -> Command:
    """A container's state as JSON."""
    return docker("container", "inspect", container)


def execute(container: str, *argv: str) -> Command:
    """A program inside a running container."""
    return docker("exec", container, *argv)


def logs(container: str) -> Command:
    """The last two hundred lines a container printed."""
    return docker("logs", "--tail", "200", container)


def remove(*containers: str) -> Command:
    """Ends containers and removes them with their anonymous volumes."""
    return docker("rm", "--force", "--volumes", *containers)


def containers_of(run: str) -> Command:
    """The ids of all containers of a run, running or not."""
    return docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={run}")


def containers_in(network: str, run: str) -> Command:
    """The ids of a run's containers in a network."""
    words = ("--filter", f"label={LABEL}={run}", "--filter", f"network={network}")
    return docker("ps", "--all", "--quiet", "--no-trunc", *words)


def images_of(run: str) -> Command:
    """The ids of all images of a run."""
    return docker("images", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={run}")


def images_named(pattern: str) -> Command:
    """The names with tags of the images whose name a pattern describes."""
    return docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={pattern}")


def remove_images(*images: str) -> Command:
    """Removes images with all their tags."""
    return docker("rmi", "--force", *images)


def remove_names(*names: str) -> Command:
    """Takes names away, and with an image's last one the image."""
    return docker("rmi", *names)


def registry_digest(reference: str) -> Command:
    """The digest that a registry has for a reference, of the index where there is one."""
    return docker("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", reference)


def image_digest(reference: str) -> Command:
    """The registry digests that the engine's own copy of an image was pulled by."""
    return docker("image", "inspect", "--format", "{{json .RepoDigests}}", reference)
