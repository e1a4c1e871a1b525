"""What can be asked for, and the rules that do it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from trimtab.rules import all_rules


class Topic(StrEnum):
    """One thing that an instruction may ask for. Nothing outside this list is ever selected."""

    BASE_IMAGES = "base images"
    TAGS = "image tags"
    DIGESTS = "image digests"
    CACHE_MOUNTS = "cache mounts"
    LAYER_ORDER = "layer order"
    BUILD_CACHING = "caching of builds"
    IGNORE_FILES = "ignore files"
    NON_ROOT = "non-root users"
    HARDENING = "hardening"
    PRIVILEGE_ESCALATION = "privilege escalation"
    CAPABILITIES = "capabilities"
    READ_ONLY = "read-only root file systems"
    BUILD_TOOLS = "build tools out of the final stage"
    DEVELOPMENT_DEPENDENCIES = "development dependencies out of images"
    SIZE = "image size"
    HEALTH_CHECKS = "health checks"
    VULNERABILITIES = "vulnerability scan"
    SECRETS = "secrets"
    COMPLIANCE = "compliance"
    RESOURCES = "resources"
    START_UP = "start-up order"
    RESTARTS = "restart policies"
    NETWORKS = "networks"
    VOLUMES = "volumes"
    PARALLEL_BUILDS = "parallel builds"
    BUILD_TIME = "build time"
    BUILD_PROCESS = "the build process"
    PROGRESS = "progress and timing"
    CI = "CI pipelines"
    TESTS = "tests"
    DEPLOYMENT = "deployment"
    DEPLOYMENT_CHECKS = "checks of a deployment"
    ZERO_DOWNTIME = "deployment without downtime"
    ROLLBACK = "rollback"
    GRACEFUL_SHUTDOWN = "graceful shutdown"
    DEPLOY_SCRIPTS = "deployment scripts"
    BUILD_SCRIPTS = "build scripts"
    ERROR_HANDLING = "error handling"
    LOGGING = "logging"
    MONITORING = "monitoring"
    DOCUMENTATION = "documentation"
    CONTAINERS = "containers"
    COMPOSE = "compose files"
    EVERYTHING = "everything"


_CACHING = "DF101 DF104 DF105 DF106 DF107 DF108 DF109 DF110 DF112 DF113 DF135 DF310 SC101"
_SIZES = "DF120 DF121 DF122 DF123 DF124 DF125 DF126 DF128 DF129 DF130 DF131 DF133 DF134 CX108 CX109"
_NON_ROOT = "DF201 DF203 DF204 DF205 DF206 DF210"

CODES: Mapping[Topic, tuple[str, ...]] = {
    topic: tuple(codes.split())
    for topic, codes in {
        Topic.BASE_IMAGES: "DF003 DF004 DF005 FL101 FL102 FL103",
        Topic.TAGS: "DF001 CM502 CM508",
        Topic.DIGESTS: "DF002 DF006",
        Topic.CACHE_MOUNTS: "DF101 DF104 DF112 DF310",
        Topic.LAYER_ORDER: "DF108 DF109 DF110 DF113",
        Topic.BUILD_CACHING: _CACHING,
        Topic.IGNORE_FILES: "CX102 CX103 CX104 CX105 CX106 CX107 CX108 CX113",
        Topic.NON_ROOT: _NON_ROOT,
        Topic.HARDENING: f"{_NON_ROOT} DF208 DF209 DF211 DF212 DF214 CM133 CM134 CM201 CM202 CM204 CM206 CM207 CM208 CM209",
        Topic.PRIVILEGE_ESCALATION: "CM204",
        Topic.CAPABILITIES: "CM206",
        Topic.READ_ONLY: "CM205",
        Topic.BUILD_TOOLS: "DF122 DF123",
        Topic.DEVELOPMENT_DEPENDENCIES: "DF124 DF134",
        Topic.SIZE: _SIZES,
        Topic.HEALTH_CHECKS: "DF301 DF302 DF303 DF304 CM112 CM121 CM122 CM123 CM124 CM125 CM126",
        Topic.VULNERABILITIES: "DF003 DF215 DF216",
        Topic.SECRETS: "DF207 CM203 CX102",
        Topic.COMPLIANCE: "",
        Topic.RESOURCES: "CM101 CM102 CM103 CM104 CM105 CM106 CM107 CM108",
        Topic.START_UP: "CM111 CM112 CM113 CM114 CM115 CM116 CM122 CM123 CM124",
        Topic.RESTARTS: "CM501",
        Topic.NETWORKS: "CM207 CM301 CM302 CM303 CM304 CM305 CM306 CM307",
        Topic.VOLUMES: "CM401 CM402 CM403",
        Topic.PARALLEL_BUILDS: "CM509 SC103",
        Topic.BUILD_TIME: f"{_CACHING} DF136 CX109",
        Topic.BUILD_PROCESS: f"{_CACHING} CM509 CM510 CX102 CX103 CX105 CX106 CX108 CX109 SC103",
        Topic.PROGRESS: "",
        Topic.CI: "",
        Topic.TESTS: "",
        Topic.DEPLOYMENT: "CM131 CM132 CM504 CM505 DF305 SC102 SC104 SC105 SC106 SC107 SC111 SC114 SC117 SC118",
        Topic.DEPLOYMENT_CHECKS: "SC105 SC106",
        Topic.ZERO_DOWNTIME: "CM131 CM132 SC102",
        Topic.ROLLBACK: "SC118",
        Topic.GRACEFUL_SHUTDOWN: "CM504 CM505 DF305",
        Topic.DEPLOY_SCRIPTS: "SC",
        Topic.BUILD_SCRIPTS: "SC101 SC103 SC104 SC107 SC108 SC109 SC110 SC113 SC115 SC116 SC119",
        Topic.ERROR_HANDLING: "DF306 SC106 SC107 SC108 SC109 SC110 SC116 SC119",
        Topic.LOGGING: "CM404",
        Topic.MONITORING: "",
        Topic.DOCUMENTATION: "",
        Topic.CONTAINERS: "DF CX CM FL",
        Topic.COMPOSE: "CM",
        Topic.EVERYTHING: "DF CX CM FL SC",
    }.items()
}  # fmt: skip
"""Topics to the codes of their rules, or the beginning of codes; none where no rule does it but a command."""


def codes_of(topics: Iterable[Topic]) -> frozenset[str]:
    """The whole codes of the rules of some topics.

    A beginning of codes stands for the rules that run without being asked for: whoever asks for everything has not asked for
    digests, `uv` or a style.
    """
    wanted = {code for topic in topics for code in CODES[topic]}
    return frozenset(
        rule.code
        for rule in all_rules()
        if rule.code in wanted or (rule.default and any(rule.code.startswith(each) for each in wanted))
    )
