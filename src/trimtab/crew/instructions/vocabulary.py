"""The words that instructions are read with. What is not here is not understood.

Nouns say what may be done with them: `+` it may be added, `~` improved, `-` taken away; `n` it may also only be the place
that something is asked for ("health checks for containers").
"""

from collections.abc import Mapping

from trimtab.crew.instructions.topics import Topic

NOUNS: tuple[tuple[str, Topic, str], ...] = (
    ("+~", Topic.BASE_IMAGES, "minimal base image; consistent version; consistent versioning; consistent base image;"
     " common base image; standard base image; same base image; one version per runtime; one base image per runtime;"
     " one base per runtime; consistent image version"),
    ("~", Topic.BASE_IMAGES, "base image; base image version; runtime version; debian; debian base image;"
     " alpine; alpine image; alpine base image; debian image; base"),
    ("+~", Topic.TAGS, "specific image tag; specific tag; explicit tag; explicit image tag; version tag; fixed tag;"
     " specific version tag; fixed image tag; specific image version; pinned image tag; pinned tag; pinned image version"),
    ("~", Topic.TAGS, "tag; image tag"),
    ("-", Topic.TAGS, "latest; latest tag; floating tag; untagged image; untagged base image"),
    ("+~", Topic.DIGESTS, "digest; image digest; digest pin; base image digest; digest pinning"),
    ("+~", Topic.CACHE_MOUNTS, "cache mount; buildkit cache mount; buildkit cache; package manager cache mount"),
    ("~", Topic.LAYER_ORDER, "layer order; layer ordering; instruction order; order of layer; ordering of layer"),
    ("+~", Topic.BUILD_CACHING, "build caching; build cache; layer caching; layer cache; caching; cache reuse; docker cache;"
     " docker layer cache; docker layer caching; docker build cache; docker build caching"),
    ("+~", Topic.IGNORE_FILES, ".dockerignore; dockerignore; .dockerignore file; dockerignore file; ignore file; exclusion;"
     " ignore pattern; exclusion pattern; docker ignore file; .dockerignore exclusion; .dockerignore pattern"),
    ("-", Topic.IGNORE_FILES, "unnecessary file; unwanted file; unneeded file"),
    ("-~", Topic.IGNORE_FILES, "build context; build context size; context size"),
    ("+~", Topic.NON_ROOT, "non root user; nonroot user; non root; nonroot; unprivileged user; non privileged user;"
     " non root account; non root container"),
    ("-", Topic.NON_ROOT, "root; root user; root account; root container"),
    ("+~", Topic.HARDENING, "security hardening; hardening; security best practice; least privilege; container hardening;"
     " security improvement"),
    ("~", Topic.HARDENING, "security; container security; docker security; image security; security posture"),
    ("-", Topic.PRIVILEGE_ESCALATION, "privilege escalation"),
    ("+~", Topic.PRIVILEGE_ESCALATION, "no new privilege"),
    ("-", Topic.CAPABILITIES, "capability; unnecessary capability; unneeded capability; linux capability; default capability"),
    ("+~", Topic.READ_ONLY, "read only root filesystem; read only file system; read only filesystem;"
     " read only root file system"),
    ("-", Topic.BUILD_TOOLS, "build dependency; build tool; build time dependency; compiler; compiler and header; build only"
     " dependency; build package"),
    ("+~", Topic.BUILD_TOOLS, "multi stage build; multistage build; multi stage dockerfile; multistage dockerfile"),
    ("-", Topic.DEVELOPMENT_DEPENDENCIES, "development dependency; dev dependency; test dependency; dev tool;"
     " development tool; development package; dev package"),
    ("-~", Topic.SIZE, "image size; container size; size of image; size; image footprint; footprint; docker image size;"
     " container image size; size of docker image; size of container image"),
    ("+~", Topic.SIZE, "small image; smaller image; minimal image; lean image; small docker image; smaller docker image;"
     " smaller container image"),
    ("-", Topic.SIZE, "image bloat; bloat"),
    ("+~", Topic.HEALTH_CHECKS, "health check; healthcheck; health probe; container health check; docker health check"),
    ("+~", Topic.VULNERABILITIES, "vulnerability scan; vulnerability scanning; security scan; security scanning; image scan;"
     " image scanning; container scanning; cve scan; vulnerability check; cve scanning; container scan"),
    ("-", Topic.VULNERABILITIES, "vulnerability; known vulnerability; security vulnerability; cve; known cve; vulnerable"
     " dependency; vulnerable package"),
    ("+~", Topic.SECRETS, "secret scanning; secret scan; secret detection"),
    ("-", Topic.SECRETS, "secret; hard coded secret; hardcoded secret; credential; hard coded credential; hardcoded"
     " credential; embedded secret; leaked secret; plain text secret; plaintext secret"),
    ("+~", Topic.COMPLIANCE, "compliance; compliance check; cis benchmark; compliance checking; cis docker benchmark;"
     " security compliance"),
    ("+~", Topic.RESOURCES, "resource limit; memory limit; cpu limit; memory and cpu limit; cpu and memory limit; resource"
     " reservation; memory reservation; cpu reservation; reservation; resource allocation; resource constraint"),
    ("~", Topic.RESOURCES, "resource usage; memory usage; cpu usage; memory and cpu usage; cpu and memory usage; resource"),
    ("+~", Topic.START_UP, "service dependency; startup order; start up order; start order; startup dependency; startup"
     " sequence; health check based dependency; depends_on; startup dependency order; start up sequence; dependency between"
     " service; start up dependency"),
    ("~", Topic.START_UP, "startup; start up"),
    ("+~", Topic.RESTARTS, "restart policy"),
    ("+~", Topic.NETWORKS, "network isolation; service discovery; network segmentation; network separation"),
    ("~", Topic.NETWORKS, "network; docker network; inter service communication; networking"),
    ("+~", Topic.VOLUMES, "volume management; named volume"),
    ("~", Topic.VOLUMES, "volume; data volume"),
    ("+~", Topic.PARALLEL_BUILDS, "parallel build; parallel docker build; parallelization; parallelism; build"
     " parallelization; build order; build dependency; build dependency graph; build graph; build orchestration;"
     " concurrent build; parallel image build; parallel building; build parallelism"),
    ("-~", Topic.BUILD_TIME, "build time; build duration; docker build time"),
    ("~", Topic.BUILD_TIME, "build speed; build performance"),
    ("+~", Topic.BUILD_TIME, "faster build; fast build; faster docker build; quicker build"),
    ("-", Topic.BUILD_TIME, "slow build"),
    ("~n", Topic.BUILD_PROCESS, "build process; docker build process; build; docker build; image build; container build;"
     " build workflow"),
    ("+~", Topic.PROGRESS, "progress indicator; progress bar; progress; progress output; build time tracking; timing; build"
     " timing; time tracking; build progress; build duration tracking; progress reporting"),
    ("+~", Topic.CI, "ci/cd; ci; ci pipeline; ci/cd pipeline; github action; github action workflow; gitlab ci; pipeline;"
     " deployment pipeline; build pipeline; continuous integration; continuous delivery; continuous deployment;"
     " github workflow; ci workflow; gitlab pipeline; cd pipeline; automated build pipeline"),
    ("+~", Topic.TESTS, "automated testing; automated test; test; testing; smoke test"),
    ("+~", Topic.DEPLOYMENT, "deployment workflow; deployment process; deployment plan; deployment strategy; rollout strategy"),
    ("~n", Topic.DEPLOYMENT, "deployment; deployment efficiency; rollout"),
    ("-~", Topic.DEPLOYMENT, "deployment time"),
    ("+~", Topic.DEPLOYMENT_CHECKS, "health check validation; deployment validation; deployment verification; deployment"
     " check; validation of deployment; health check verification"),
    ("+~", Topic.ZERO_DOWNTIME, "zero downtime deployment; zero downtime; rolling update; rolling deployment; no downtime"
     " deployment; deployment without downtime; zero downtime rollout; zero downtime update"),
    ("-", Topic.ZERO_DOWNTIME, "downtime; deployment downtime"),
    ("+~", Topic.ROLLBACK, "rollback; roll back; automatic rollback; automated rollback"),
    ("+~", Topic.GRACEFUL_SHUTDOWN, "graceful shutdown; graceful stop; graceful termination; signal handling; clean shutdown"),
    ("~n", Topic.DEPLOY_SCRIPTS, "deployment script; deploy script"),
    ("~n", Topic.BUILD_SCRIPTS, "build script; docker build script"),
    ("+~", Topic.ERROR_HANDLING, "error handling; failure handling; error checking; exit code check; exit code handling"),
    ("+~", Topic.LOGGING, "logging; log rotation; log limit; deployment logging; build logging; container logging"),
    ("+~", Topic.MONITORING, "monitoring; observability; metric; container metric; build metric; deployment metric; alert;"
     " alerting; alert rule; alerting rule; prometheus metric; resource metric; monitoring and alerting"),
    ("+~", Topic.DOCUMENTATION, "documentation"),
    ("~n", Topic.CONTAINERS, "container; docker container; image; docker image; container image; dockerfile; docker file"),
    ("~n", Topic.COMPOSE, "compose file; docker compose file; docker compose; compose; compose configuration; docker compose"
     " configuration; compose setup"),
    ("~n", Topic.EVERYTHING, "everything; all of it; whole fleet; entire fleet; whole project; entire project"),
)  # fmt: skip

IDIOMS: tuple[tuple[Topic, str], ...] = (
    (Topic.DIGESTS, "pin base image by digest; pin image by digest; pin by digest; pin base image to digest; pin image to"
     " digest; pin all base image by digest; pin all image by digest"),
    (Topic.TAGS, "pin image tag; pin image version; pin base image version; pin base image tag; pin all image version;"
     " pin all image tag; tag all image; tag every image"),
    (Topic.SIZE, "keep image small; make image smaller; make image small; keep the image small; make the image smaller;"
     " make all image smaller; shrink image; shrink all image; shrink the image; shrink docker image"),
    (Topic.PARALLEL_BUILDS, "build in parallel; build image in parallel; build all image in parallel; build service in"
     " parallel; build all service in parallel; parallelize build; parallelize the build; parallelize docker build;"
     " parallelize image build; parallelize all build"),
    (Topic.BUILD_TIME, "make build faster; make the build faster; make docker build faster; make all build faster"),
    (Topic.BUILD_CACHING, "cache build; cache docker build; cache layer; cache docker layer"),
    (Topic.HEALTH_CHECKS, "wait for health check"),
    (Topic.ZERO_DOWNTIME, "deploy without downtime; deploy with zero downtime; deploy service without downtime"),
)  # fmt: skip
"""Whole requests, verb and all."""

VERBS: Mapping[str, str] = {
    "plus": "add; use; implement; introduce; enable; define; create; set; set up; provide; apply; adopt; configure; generate;"
    " have; has; put in place; make use of; switch to; integrate; need; require; enforce; write; move to; we need; i need;"
    " we want; i want",
    "improve": "tune; standardize; simplify; update; tighten; unify; consolidate; harmonize; balance; rework; design; plan;"
    " strengthen; clean up",
    "general": "optimize; improve; enhance; streamline; refine; modernize",
    "harden": "harden; secure",
    "speed": "speed up; accelerate",
    "fix": "fix; correct; repair; resolve",
    "minus": "remove; reduce; minimize; eliminate; prevent; drop; decrease; cut; shrink; strip; get rid of; lower; shorten;"
    " cut down; trim; keep out; trim down; address; mitigate",
    "look": "review; analyze; check; inspect; examine; audit; verify; validate; identify; evaluate; assess; look at; find;"
    " report; measure; list",
    "any": "consider; include; cover; focus on; look after; think of; take care of",
    "touch": "touch; change; modify; alter; edit; replace; rewrite",
    "move": "move; switch; migrate; convert",
    "keep": "keep; retain; preserve; leave; maintain",
    "exclude": "exclude; ignore",
}  # fmt: skip
"""Verbs by what they do to a noun."""

WORDS: Mapping[str, str] = {
    "s": "run; scan; start",
    "E": "ensure; make sure; make sure that; ensure that; be sure to; make sure to; make certain that",
    "N": "do not; don't; never; not; no; without; avoid; refrain from; don't ever; dont",
    "A": "should; must; shall; have to; need to; ought to; should all; must all",
    "B": "be; are; is; get",
    "L": "please; always; then; also; next; finally; first; now; we need to; we want to; you should; i want you to; i want to;"
    " let us; let's; i would like you to; can you; could you; kindly; additionally; furthermore; we should; we must; you must;"
    " can you please; could you please; your task is to; the task is to; the goal is to; i need you to; i'd like you to;"
    " would you; will you; it is important to; as well; too; thanks; thank you; hello; hi; in addition; moreover; lastly;"
    " do the following; please do the following; the following; as follow",
    "P": "for; in; on; to; across; of; within; inside; from; at; into; onto; throughout; as; by; per; based on; among",
    "w": "with; including; plus; using; via; through; by means of; by using; together with; along with; alongside; beside;"
    " next to",
    "J": "and; or; &; as well as; and also; and/or; and then",
    "b": "but; however; yet; although",
    "x": "except; except for; excluding; but not; but not for; apart from; other than; with the exception of; save for;"
    " not for; but not in; but not to; not in; leaving out",
    "O": "only; just; solely; exclusively; only for; only in; only to; only on; just for; limit to; restrict to;"
    " limit change to; limit the change to; limit all change to; restrict change to; restrict the change to",
    "M": "the; a; an; all; any; every; each; our; your; their; its; this; these; those; existing; current; comprehensive;"
    " optimal; proper; appropriate; good; better; best; automated; automatic; regular; new; full; complete; docker; robust;"
    " efficient; reliable; strong; strict; relevant; multiple; several; various; overall; whole; entire; optimized;"
    " improved; hardened; standardized; streamlined; enhanced; buildkit; necessary; different; individual; consistent;"
    " detailed; both; modern; effective; sensible; suitable; reasonable; sound; basic; more; adequate; following;"
    " sufficient; meaningful",
    "H": "strategy; policy; configuration; config; setup; support; mechanism; practice; setting; definition; opportunity;"
    " integration; coverage; usage; efficiency; procedure; rule; process; workflow; architecture; project; platform; fleet;"
    " application; repository; stack; system; validation; infrastructure; option; level; requirement; analysis; collection;"
    " improvement; task; change; handling; approach; implementation; file",
    "S": "service; microservice; container service; micro service",
    "C": "final stage; final image; production stage; production image; runtime image; runtime stage; last stage; install;"
    " installation; package installation; docker environment; dependency installation; package install",
    "Q": "where possible; if possible; when possible; where appropriate; where need; if need; when need; where necessary;"
    " if necessary; as need; wherever possible; as appropriate; where applicable; if applicable; when necessary;"
    " as far as possible; as much as possible; without break anything; without break existing functionality;"
    " without break functionality; without break the build; without change behavior; without break the service;"
    " without break service; without break compatibility; without break existing service; accordingly;"
    " without change the behavior; without change functionality",
    "q": "if not need in build; if not need in the build; if not need for build; if not need for the build; if not need;"
    " unless need; if they are not need; when not need; if nothing need them; if not use; if not need by build;"
    " if not need by the build; unless a copy need it; unless a copy need them; unless the build need it;"
    " unless the build need them; if it is not need; if not require; if not need at build time",
    "U": "as it is; as they are; as is; alone; unchanged; untouched; intact; in place",
    "K": "before; after",
    "y": "performance; quality; maintainability; best practice; efficiency and performance; stability; scalability",
    "f": "fall back to; or fall back to; and fall back to",
    "a": "slim; debian slim; slim where alpine do not work; slim where alpine is not possible; slim if alpine is not possible;"
    " slim if alpine do not work; slim where alpine does not work; slim if alpine does not work;"
    " slim when alpine does not work; slim where alpine is impossible",
    "-": "latest version; newest version",
}  # fmt: skip
"""Every other word, by its part of speech; see `grammar` for what the letters mean."""

RUNTIMES: Mapping[str, str] = {
    "python": "python", "node": "node", "node.js": "node", "nodejs": "node", "go": "golang", "golang": "golang",
    "ruby": "ruby", "php": "php", "rust": "rust",
}  # fmt: skip
"""Languages, as they are called, to the name of their official image."""

TOOLS: Mapping[str, str] = {
    "pip": "python", "uv": "python", "poetry": "python", "npm": "node", "yarn": "node", "pnpm": "node", "cargo": "rust",
    "apt": "", "apk": "", "apt-get": "",
}  # fmt: skip
"""Package managers to the runtime whose packages they install."""

STEPS: tuple[str, ...] = (
    "system dependency; system package; os dependency; os package; install system dependency; install system package;"
    " install os package; system dependency install",
    "copy dependency manifest; copy manifest; copy dependency file; copy requirement file; copy requirement; copy lock file;"
    " copy package manifest; dependency manifest; dependency file; copy dependency manifest file; lock file; copy the"
    " dependency manifest; copy dependency definition",
    "install dependency; dependency install; dependency are install; dependency is install; install package;"
    " dependency installation step; install application dependency; install the dependency; dependency get install;"
    " install of dependency",
    "copy application code; copy source code; copy source; copy application source; copy app code; copy code; application code;"
    " source code; copy the rest; copy application; copy source file; copy the source code; copy the source;"
    " copy the application code; copy the code; source code is copy; application code is copy;"
    " code is copy; copy project file; source",
)
"""The steps of a build in the order in which they are to stand, those that change least first."""
