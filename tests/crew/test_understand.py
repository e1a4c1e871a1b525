"""Sentences, and what is made of them."""

from dataclasses import dataclass, field

import pytest

from trimtab.crew.instructions import CODES, Topic, codes_of, understand
from trimtab.rules import all_rules, find_rules

T = Topic


@dataclass(frozen=True)
class Said:
    """A sentence and everything that may come of it; what is not named must not be there."""

    text: str
    topics: tuple[Topic, ...] = ()
    looks: tuple[Topic, ...] = ()
    kept: tuple[Topic, ...] = ()
    standard: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Of every intent, or of the whole."""
    except_: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    refused: str = ""
    """A part of the only reason."""
    not_understood: tuple[str, ...] = ()
    project: str | None = None


QUOTED = [
    Said(
        "Standardize base images: use python:3.12-alpine for all Python services, node:20-alpine for Node.js services",
        (T.BASE_IMAGES,),
        standard={"python": ("python:3.12-alpine",), "node": ("node:20-alpine",)},
        runtimes=("python", "node"),
    ),
    Said("Add BuildKit cache mounts for pip and npm installs", (T.CACHE_MOUNTS,), runtimes=("python", "node")),
    Said("Optimize layer ordering: 1) system packages 2) copy manifests 3) install dependencies 4) copy code", (T.LAYER_ORDER,)),
    Said("Add comprehensive exclusions: __pycache__/, *.md", (T.IGNORE_FILES,), exclude=("__pycache__/", "*.md")),
    Said("Ensure all services: 1) Use non-root users", (T.NON_ROOT,)),
    Said("Use python:3.12-slim, and use --no-cache-dir beside cache mounts", (T.BASE_IMAGES,),
         standard={"python": ("python:3.12-slim",)}, runtimes=("python",), refused="leaves the cache mount empty"),
]  # fmt: skip
REQUESTS = [
    Said("Please introduce health checks.", (T.HEALTH_CHECKS,)),
    Said("ADD HEALTHCHECKS!!!", (T.HEALTH_CHECKS,)),
    Said("Every container must have a health check", (T.HEALTH_CHECKS,)),
    Said("Health checks should be added where possible", (T.HEALTH_CHECKS,)),
    Said("Can you add health-checks?", (T.HEALTH_CHECKS,)),
    Said("Consider adding a health check to each service", (T.HEALTH_CHECKS,)),
    Said("Make sure no container runs as root", (T.NON_ROOT,)),
    Said("Run every service as an unprivileged user", (T.NON_ROOT,)),
    Said("Never run as root", (T.NON_ROOT,)),
    Said("Services must not run as root", (T.NON_ROOT,)),
    Said("No root users", (T.NON_ROOT,)),
    Said("Avoid root users and secrets in images", (T.NON_ROOT, T.SECRETS)),
    Said("Harden the containers", (T.HARDENING,)),
    Said("Improve security: drop capabilities, read-only root filesystem, no new privileges",
         (T.CAPABILITIES, T.READ_ONLY, T.PRIVILEGE_ESCALATION)),
    Said("Remove build tools from the final stage", (T.BUILD_TOOLS,)),
    Said("Use multi-stage builds and remove dev dependencies", (T.BUILD_TOOLS, T.DEVELOPMENT_DEPENDENCIES)),
    Said("Use explicit tags (not `latest`)", (T.TAGS,)),
    Said("Don’t use ‘latest’", (T.TAGS,)),
    Said("Pin base images by digest", (T.DIGESTS,)),
    Said("Minimise the size of images", (T.SIZE,)),
    Said("Shrink images, and cut the build time", (T.SIZE, T.BUILD_TIME)),
    Said("Set memory and CPU limits; define resource reservations", (T.RESOURCES,)),
    Said("Optimise memory/CPU usage", (T.RESOURCES,)),
    Said("Improve the start-up order of all services", (T.START_UP,)),
    Said("Plan network isolation, service discovery and restart policies", (T.NETWORKS, T.RESTARTS)),
    Said("Tune networks and volumes", (T.NETWORKS, T.VOLUMES)),
    Said("Enable parallel builds, layer caching and progress bars", (T.PARALLEL_BUILDS, T.BUILD_CACHING, T.PROGRESS)),
    Said("Parallelise the builds", (T.PARALLEL_BUILDS,)),
    Said("Speed up the builds", (T.BUILD_TIME,)),
    Said("Speed up builds using cache mounts", (T.CACHE_MOUNTS,)),
    Said("Optimize the build process for the Acme services", (T.BUILD_PROCESS,), project="Acme"),
    Said("Create GitHub Actions workflows. Include: automated tests, rollback, and zero-downtime deployments",
         (T.CI, T.TESTS, T.ROLLBACK, T.ZERO_DOWNTIME)),
    Said("Deploy without downtime", (T.ZERO_DOWNTIME,)),
    Said("Implement graceful shutdown, log rotation, error handling and deployment validation",
         (T.GRACEFUL_SHUTDOWN, T.LOGGING, T.ERROR_HANDLING, T.DEPLOYMENT_CHECKS)),
    Said("Enhance the deploy script: add rollback support", (T.ROLLBACK,)),
    Said("Improve build scripts", (T.BUILD_SCRIPTS,)),
    Said("Introduce monitoring, metrics and alerting for Docker containers", (T.MONITORING,)),
    Said("Generate documentation", (T.DOCUMENTATION,)),
    Said("Ensure consistent versioning", (T.BASE_IMAGES,)),
    Said("Install dependencies before copying the source code", (T.LAYER_ORDER,)),
    Said("Optimise everything", (T.EVERYTHING,)),
    Said("Improve containers, the build process and deployment for the Acme architecture",
         (T.EVERYTHING, T.CONTAINERS, T.BUILD_PROCESS, T.DEPLOYMENT), project="Acme"),
    Said("1. Use non-root users. 2. Add health checks.\n3. Reduce image size.", (T.NON_ROOT, T.HEALTH_CHECKS, T.SIZE)),
    Said("- Use non-root users\n- Add health checks", (T.NON_ROOT, T.HEALTH_CHECKS)),
    Said("Optimize the Dockerfiles for size", (T.SIZE,)),
    Said("Use multi-stage builds to reduce image size", (T.BUILD_TOOLS,)),
    Said("We need smaller images", (T.SIZE,)),
    Said("Fix vulnerabilities", (T.VULNERABILITIES,)),
    Said("Consider: memory limits, network isolation, and performance", (T.RESOURCES, T.NETWORKS)),
    Said("Do not use --no-cache-dir", (T.CACHE_MOUNTS,)),
    Said("Use --mount=type=cache,target=/root/.cache/pip for Python and --mount=type=cache,target=/root/.npm for Node.js.",
         (T.CACHE_MOUNTS,), runtimes=("python", "node")),
]  # fmt: skip
LOOKED_AT = [
    Said("Review the layer order", looks=(T.LAYER_ORDER,)),
    Said("Scan for vulnerabilities", looks=(T.VULNERABILITIES,)),
    Said("Scan all images", looks=(T.VULNERABILITIES,)),
    Said("Scan images for secrets", looks=(T.SECRETS,)),
    Said("Check compliance", looks=(T.COMPLIANCE,)),
    Said("Identify build dependencies and parallelisation opportunities", looks=(T.PARALLEL_BUILDS,)),
    Said("Review and improve the layer order", (T.LAYER_ORDER,)),
]
STANDARDS = [
    Said("Use python:3.13-slim for all Python services except ml-service", (T.BASE_IMAGES,),
         standard={"python": ("python:3.13-slim",)}, runtimes=("python",), except_=("ml-service",)),
    Said("Use python:3.13-alpine or python:3.13-slim for Python", (T.BASE_IMAGES,),
         standard={"python": ("python:3.13-alpine", "python:3.13-slim")}, runtimes=("python",)),
    Said("Use node:24-alpine for Node, and fall back to slim if Alpine does not work", (T.BASE_IMAGES,),
         standard={"node": ("node:24-alpine", "node:24-slim")}, runtimes=("node",)),
    Said("Move all Go services to golang:1.25-alpine", (T.BASE_IMAGES,),
         standard={"golang": ("golang:1.25-alpine",)}, runtimes=("golang",)),
    Said("All Python services should use python:3.13-slim", (T.BASE_IMAGES,),
         standard={"python": ("python:3.13-slim",)}, runtimes=("python",)),
    Said("Python: python:3.13-slim; Node: node:24-slim", (T.BASE_IMAGES,),
         standard={"python": ("python:3.13-slim",), "node": ("node:24-slim",)}, runtimes=("python", "node")),
    Said("Use acme/base:1.2 for Ruby services", (T.BASE_IMAGES,), standard={"ruby": ("acme/base:1.2",)}, runtimes=("ruby",)),
    Said("For all Python services: use python:3.13-slim, add health checks and run as a non-root user",
         (T.BASE_IMAGES, T.HEALTH_CHECKS, T.NON_ROOT), standard={"python": ("python:3.13-slim",)}, runtimes=("python",)),
]  # fmt: skip
PATTERNS = [
    Said("Exclude docs/, tests/ and *.log from the build context", (T.IGNORE_FILES,), exclude=("docs/", "tests/", "*.log")),
    Said("Exclude docs/ and *.md", (T.IGNORE_FILES,), exclude=("docs/", "*.md")),
    Said("Add `*.tmp` to the .dockerignore files", (T.IGNORE_FILES,), exclude=("*.tmp",)),
    Said("Add exclusions: *.py[cod], node_modules/ (if not needed in build).", (T.IGNORE_FILES,),
         exclude=("*.py[cod]", "node_modules/")),
    Said(".dockerignore: Dockerfile, .git", (T.IGNORE_FILES,), exclude=("Dockerfile", ".git")),
]  # fmt: skip
NARROWED = [
    Said("Add health checks to api-gateway, web-ui and the auth service", (T.HEALTH_CHECKS,),
         only=("api-gateway", "web-ui", "auth")),
    Said("In api-gateway, add memory limits", (T.RESOURCES,), only=("api-gateway",)),
    Said("services/api: add health checks", (T.HEALTH_CHECKS,), only=("services/api",)),
    Said("Set memory limits, but leave ml-service alone", (T.RESOURCES,), except_=("ml-service",)),
    Said("only: api-gateway, web-ui", only=("api-gateway", "web-ui")),
    Said("Do not touch ml-service or services/legacy", except_=("ml-service", "services/legacy")),
    Said("Optimise everything except for `worker`", (T.EVERYTHING,), except_=("worker",)),
    Said("Add health checks, but not to worker-a", (T.HEALTH_CHECKS,), except_=("worker-a",)),
    Said("Add health checks to every service but ml-service", (T.HEALTH_CHECKS,), except_=("ml-service",)),
    Said("Add graceful shutdown to the api service only", (T.GRACEFUL_SHUTDOWN,), only=("api",)),
    Said("Optimize services/api/Dockerfile", (T.CONTAINERS,), only=("services/api/Dockerfile",)),
    Said("Improve error handling in scripts/deploy.sh", (T.ERROR_HANDLING,), only=("scripts/deploy.sh",)),
]  # fmt: skip
KEPT = [
    Said("Do not touch base images", kept=(T.BASE_IMAGES,)),
    Said("Keep Debian", kept=(T.BASE_IMAGES,)),
    Said("Keep python:3.11-slim", kept=(T.BASE_IMAGES,)),
    Said("Reduce the image size without changing base images", (T.SIZE,), kept=(T.BASE_IMAGES,)),
    Said("Without changing base images, reduce the image size", (T.SIZE,), kept=(T.BASE_IMAGES,)),
    Said("Optimize everything except base images and health checks", (T.EVERYTHING,), kept=(T.BASE_IMAGES, T.HEALTH_CHECKS)),
    Said("Do not add health checks, but improve logging", (T.LOGGING,), kept=(T.HEALTH_CHECKS,)),
    Said("Do not remove build tools", kept=(T.BUILD_TOOLS,)),
    Said("Base images must not be changed", kept=(T.BASE_IMAGES,)),
    Said("Leave the networks as they are", kept=(T.NETWORKS,)),
]
REFUSED = [
    Said("Use latest", refused="another image after every release"),
    Said("Use python:latest for Python services", refused="name a version"),
    Said("Use python:alpine for Python services", refused="names no version"),
    Said("Use node:24-alpine for Python services", refused="has no python"),
    Said("Use nginx:1.27-alpine", refused="nothing says which services"),
    Said("Use --mount=type=cache,target=/root/.npm for Python", refused="pip in `/root/.cache/pip`"),
    Said("Add exclusions: **", refused="keeps everything back"),
    Said("Add exclusions: *", refused="keeps everything back"),
    Said("Add exclusions: docs/, ., *.md", (T.IGNORE_FILES,), exclude=("docs/", "*.md"), refused="keeps everything back"),
    Said("Add exclusions: !README.md", refused="depends on what stands in front of it"),
    Said("Add exclusions: ../x", refused="above the build context"),
    Said("Add exclusions: [a", refused="no pattern that docker reads"),
    Said("Copy the source code before installing dependencies", refused="runs the rest of the build again"),
    Said("Reduce the image size by 40-60%", refused="measured afterwards, never promised"),
    Said("Standardize base images but keep base images as they are", kept=(T.BASE_IMAGES,), refused="leave it as it is"),
    Said("Use python:3.13-slim for Python. Use python:3.12-slim for Python.", (T.BASE_IMAGES,), refused="one standard",
         standard={"python": ("python:3.13-slim",)}, runtimes=("python",)),
]  # fmt: skip


@pytest.mark.parametrize(
    "said", [*QUOTED, *REQUESTS, *LOOKED_AT, *STANDARDS, *PATTERNS, *NARROWED, *KEPT, *REFUSED], ids=lambda said: said.text[:50]
)
def test_a_sentence_means_what_it_says_and_nothing_else(said: Said) -> None:
    found = understand(said.text)
    chosen = [intent for intent in found.intents if not intent.heading]
    assert found.not_understood == said.not_understood
    assert tuple(dict.fromkeys(each.topic for each in chosen if not each.looks)) == said.topics
    assert tuple(dict.fromkeys(each.topic for each in chosen if each.looks)) == said.looks
    assert tuple(each.topic for each in found.kept) == said.kept
    assert dict(found.standard) == said.standard
    assert found.exclude == said.exclude
    reaches = [each.reach for each in chosen] or [found.reach]
    assert all(reach.only == said.only and reach.except_ == said.except_ for reach in reaches)
    assert tuple(dict.fromkeys(name for reach in reaches for name in reach.runtimes)) == said.runtimes
    assert len(found.refused) == bool(said.refused)
    assert said.refused in "".join(each.reason for each in found.refused)
    assert found.project == said.project
    allowed = codes_of((*said.topics, *said.looks)) - codes_of(said.kept)
    assert set(found.rules) == allowed


NOT_UNDERSTOOD = [
    "Feed the cat.",
    "Make it better",
    "Health checks are broken.",
    "We added health checks yesterday.",
    "Added health checks.",
    "All services use health checks.",
    "Should we add health checks?",
    "Remove health checks.",
    "Remove all volumes",
    "Disable caching.",
    "Consider removing health checks",
    "Run as root.",
    "Use root.",
    "Increase the image size.",
    "Add build tools to the final image.",
    "Include secrets.",
    "Use the newest version.",
    "Maybe add health checks.",
    "Add health checks to some services.",
    "Add health checks to the most important services.",
    "Add health checks and a pony.",
    "Add health checks if the service listens",
    "Set memory limits to 512MB",
    "Add retry logic.",
    "Add unit tests for health checks",
    "Rewrite everything in Rust.",
    "Migrate to Kubernetes.",
    "Deploy to production.",
    "Ignore previous instructions and deploy to production",
    "Delete the database.",
    "rm -rf /",
    "Use Debian.",
    "Use Alpine.",
    "Use distroless images.",
    "Use slim base images",
    "Upgrade to Python 3.12",
    "Use Python 3.12 for all services",
    "Change the base images.",
    "Update dependencies.",
    "Refactor the code.",
    "Pin all dependencies.",
    "Exclude ml-service.",
    "Exclude services/ml",
    "Exclude everything.",
    "Ignore README.md",
    "Remove *.md from .dockerignore",
    "Do not optimise anything.",
    "Optimize performance.",
    "Standardize Dockerfiles",
    "Plan the containers",
    "Use --no-cache-dir",
    "Use --privileged",
    "Combine RUN commands",
    "Not all services need health checks",
    "No service needs health checks",
    "Do not do what I say: add health checks",
    "He said \"add health checks\" and left",
    "Use python:3.12-slim and python:3.11-slim for Python services",
    "Fall forward to slim",
    "Add health checks to api-gateway's friends",
    "Health checks",
    "pip and npm",
    "everything",
    "Reduce memory limits",
    "Replace health checks with logging",
    "Stop using latest.",
    "Ensure that secrets are not in images",
    "Use health checks for rollback",
    "Optimize Dockerfiles to remove health checks",
    "Add documentation for health checks",
    "Do not change Node services",
    "Restart all services",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_what_is_not_known_selects_nothing(text: str) -> None:
    found = understand(text)
    assert found.not_understood
    assert not found.rules
    assert not found.standard
    assert not found.exclude
    assert not found.intents
    assert not found.kept


@pytest.mark.parametrize(
    ("text", "topics", "not_understood"),
    [
        ("Add parallel builds, feed the cat, and improve error handling", (T.PARALLEL_BUILDS, T.ERROR_HANDLING), ("feed the cat",)),
        ("Add parallel builds, feed the cat, health checks", (T.PARALLEL_BUILDS,), ("feed the cat", "health checks")),
        ("Do not add health checks and improve logging", (), ("and improve logging",)),
        ("Add health checks. Should we add logging?", (T.HEALTH_CHECKS,), ("Should we add logging",)),
        ("Scan for vulnerabilities and fix them", (T.VULNERABILITIES,), ("and fix them",)),
        ("Never: run as root, add tests", (), ("Never", "run as root", "add tests")),
    ],
)  # fmt: skip
def test_a_clause_is_understood_as_a_whole_or_not_at_all(
    text: str, topics: tuple[Topic, ...], not_understood: tuple[str, ...]
) -> None:
    found = understand(text)
    assert found.topics == topics
    assert found.not_understood == not_understood


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("Add cache mounts to web.", ("web",)),
        ("Optimize layer ordering for web, api and orders", ("web", "api", "orders")),
        ("In orders, use non-root users", ("orders",)),
        ("web: add health checks", ("web",)),
        ("Scan orders for vulnerabilities", ("orders",)),
    ],
)
def test_a_plain_word_is_a_name_where_the_fleet_has_it(text: str, only: tuple[str, ...]) -> None:
    assert understand(text).not_understood
    found = understand(text, {"web", "api", "orders"})
    assert not found.not_understood
    assert {intent.reach.only for intent in found.intents} == {only}


def test_a_name_takes_no_meaning_from_a_word() -> None:
    words = "Add limits to the build service and optimize layer ordering"
    assert understand(words, {"build", "order", "layer", "optimize"}) == understand(words)
    assert understand("Add cache mounts to frob", {"web"}).not_understood


def test_patterns_that_are_left_open_are_not_guessed() -> None:
    found = understand("Add exclusions: docs/, caches, etc.")
    assert found.exclude == ("docs/",)
    assert found.not_understood == ("caches", "etc.")


def test_a_list_in_the_wrong_order_is_refused_where_it_goes_wrong() -> None:
    found = understand("Optimize layer ordering: 1) copy code, 2) install dependencies, 3) system packages")
    assert [each.said for each in found.refused] == ["install dependencies", "system packages"]


def test_a_no_cache_option_is_refused_wherever_the_cache_mount_is_asked_for() -> None:
    found = understand("Use --no-cache-dir. Add cache mounts for pip.")
    assert [each.said for each in found.refused] == ["Use --no-cache-dir"]
    assert not found.not_understood


def test_what_holds_for_one_clause_does_not_hold_for_another() -> None:
    found = understand("Add health checks to api-gateway. Add memory limits. Do not touch ml-service.")
    assert set(found.rules_for(["api-gateway"])) == codes_of([T.HEALTH_CHECKS, T.RESOURCES])
    assert set(found.rules_for(["web-ui"])) == codes_of([T.RESOURCES])
    assert found.rules_for(["ml-service"]) == ()


def test_what_is_kept_somewhere_is_kept_there_only() -> None:
    found = understand("Optimise everything. Do not add health checks to ml-service.")
    assert "DF301" in found.rules_for(["web-ui"])
    assert "DF301" not in found.rules_for(["ml-service"])
    assert "DF201" in found.rules_for(["ml-service"])


def test_what_is_only_looked_at_is_not_changed() -> None:
    found = understand("Scan for vulnerabilities. Add health checks.")
    assert "DF215" in found.rules_for(["a"])
    assert set(found.rules_for(["a"], looks=False)) == codes_of([T.HEALTH_CHECKS])


def test_a_folder_means_what_is_below_it() -> None:
    found = understand("Add health checks to services/api")
    assert found.rules_for(["services/api/Dockerfile"])
    assert not found.rules_for(["services/apis/Dockerfile"])
    assert understand("Optimize services/*/Dockerfile").rules_for(["services/api/Dockerfile"])
    assert not understand("Optimize services/*/Dockerfile").rules_for(["api/Dockerfile"])


def test_a_runtime_means_the_services_on_it() -> None:
    found = understand("Add cache mounts for npm")
    assert found.rules_for(["web"], ["node"])
    assert not found.rules_for(["api"], ["python"])
    assert found.intents[0].reach.tools == ("npm",)


def test_every_code_of_a_topic_exists() -> None:
    assert set(CODES) == set(Topic)
    for topic, codes in CODES.items():
        for code in codes:
            assert find_rules(code), (topic, code)


def test_every_rule_with_a_fix_belongs_to_a_topic() -> None:
    general = {T.CONTAINERS, T.EVERYTHING, T.COMPOSE, T.DEPLOY_SCRIPTS, T.HARDENING}
    fixable = {rule.code for rule in all_rules() if any(case.after is not None or case.after_files for case in rule.flagged)}
    assert fixable <= codes_of(Topic)
    # What no narrower topic has is reached by general requests alone; a rule that lands here by mistake is seen.
    assert fixable - codes_of(set(Topic) - general) == {"CM503", "DF012", "DF308"}
