"""What is known of package managers: where they cache, what switches that off, which files they read.

Cache places are the managers' own documented defaults: pip `cache dir`, uv `UV_CACHE_DIR`, npm `cache`, Yarn classic
`yarn cache dir` (root has its own place), pnpm `store path`, Go `GOMODCACHE` and `GOCACHE`, Cargo `CARGO_HOME`, Maven
`settings.localRepository`, Gradle `GRADLE_USER_HOME`, apt `Dir::Cache` and `Dir::State::lists`, apk `/etc/apk/cache`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache folder. `{home}` is the user's home; `moved_by` names the variable that puts it elsewhere."""

    path: str
    moved_by: str = ""
    below: str = ""
    """What the manager appends to the variable's value."""
    root_path: str = ""
    """Where root's cache lies when that differs from every other user's."""

    def resolve(self, home: str, env: Mapping[str, str]) -> str:
        if self.path == "{home}/go/pkg/mod" and env.get("GOPATH") and not env.get("GOMODCACHE"):
            return env["GOPATH"].rstrip("/") + "/pkg/mod"
        for name in (self.moved_by, self.moved_by.upper()):
            if name and env.get(name):
                return env[name].rstrip("/") + self.below
        if self.path.startswith("{home}/.cache/") and env.get("XDG_CACHE_HOME"):
            return env["XDG_CACHE_HOME"].rstrip("/") + self.path.removeprefix("{home}/.cache")
        if home == "/root" and self.root_path:
            return self.root_path
        return self.path.replace("{home}", home)


@dataclass(frozen=True, slots=True)
class Manager:
    """One package manager."""

    name: str
    caches: tuple[Cache, ...]
    verbs: tuple[tuple[str, ...], ...]
    """Word sequences that install; an empty one means every call does."""
    no_cache_flags: tuple[str, ...] = ()
    no_cache_variables: tuple[str, ...] = ()
    purges: tuple[tuple[str, ...], ...] = ()
    manifests: tuple[str, ...] = ()
    """Files that decide what is installed, the first ones required, in the folder the command runs in."""
    system: bool = False
    """Installs into the system, so it runs as root and its cache must not be used by two builds at once."""
    native: bool = False
    """What it caches depends on the C library, so musl and glibc images must not share it."""
    compiles: bool = False
    """It keeps what it has compiled, linked against the libraries of the image that compiled it."""
    one_at_a_time: bool = False
    """Two builds at once break its cache: Yarn 1 has no lock, nor has Maven (https://github.com/apache/maven/issues/4925),
    Gradle asks for its own over the other build's loopback, and Cargo's lies beside the mounted folder, in none of the mounts
    (https://github.com/rust-lang/cargo/issues/11376)."""
    store: bool = False
    """The cache is where the dependencies are used from, so whatever uses them needs the mount as well."""


def _cache(path: str, moved_by: str = "", below: str = "", root_path: str = "") -> Cache:
    return Cache(path, moved_by, below, root_path)


_ALL = [
    Manager("pip", (_cache("{home}/.cache/pip", "PIP_CACHE_DIR"),), (("install",), ("wheel",), ("download",)),
            ("--no-cache-dir", "--no-cache"), ("PIP_NO_CACHE_DIR",), (("pip", "cache", "purge"), ("pip3", "cache", "purge")),
            native=True, compiles=True),
    Manager("uv", (_cache("{home}/.cache/uv", "UV_CACHE_DIR"),), (("sync",), ("pip", "install"), ("pip", "sync")),
            ("--no-cache", "--no-cache-dir", "-n"), ("UV_NO_CACHE",), (("uv", "cache", "clean"), ("uv", "cache", "prune")),
            ("pyproject.toml", "uv.lock", "uv.toml", ".python-version"), native=True, compiles=True),
    Manager("poetry", (_cache("{home}/.cache/pypoetry/cache", "POETRY_CACHE_DIR", "/cache"),
                       _cache("{home}/.cache/pypoetry/artifacts", "POETRY_CACHE_DIR", "/artifacts")), (("install",),),
            ("--no-cache",), (), (("poetry", "cache", "clear"),),
            ("pyproject.toml", "poetry.lock", "poetry.toml"), native=True, compiles=True),
    Manager("npm", (_cache("{home}/.npm", "npm_config_cache"),), (("ci",), ("install",), ("i",)),
            (), (), (("npm", "cache", "clean"),),
            ("package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"), native=True),
    Manager("yarn", (_cache("{home}/.cache/yarn", "YARN_CACHE_FOLDER", root_path="/usr/local/share/.cache/yarn"),),
            (("install",), ()), (), (), (("yarn", "cache", "clean"),),
            ("package.json", "yarn.lock", ".yarnrc", ".yarnrc.yml", ".npmrc"), native=True, one_at_a_time=True),
    Manager("pnpm", (_cache("{home}/.local/share/pnpm/store", "PNPM_HOME", "/store"),), (("install",), ("i",), ("fetch",)),
            (), (), (("pnpm", "store", "prune"),),
            ("package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ".pnpmfile.cjs"), native=True),
    Manager("apt", (_cache("/var/cache/apt"), _cache("/var/lib/apt/lists")), (("install",), ("upgrade",), ("dist-upgrade",)),
            (), (), (("apt-get", "clean"), ("apt", "clean"), ("apt-get", "autoclean")), system=True),
    Manager("apk", (_cache("/etc/apk/cache"),), (("add",),), ("--no-cache",), (), (("apk", "cache", "clean"),), system=True),
    Manager("go", (_cache("{home}/go/pkg/mod", "GOMODCACHE"), _cache("{home}/.cache/go-build", "GOCACHE")),
            (("mod", "download"), ("build",), ("install",), ("test",), ("get",), ("generate",), ("vet",)),
            (), (), (("go", "clean"),), ("go.mod", "go.sum"), store=True),
    Manager("cargo", (_cache("{home}/.cargo/registry", "CARGO_HOME", "/registry"),),
            (("build",), ("fetch",), ("install",), ("test",), ("check",)), (), (), (),
            ("Cargo.toml", "Cargo.lock"), store=True, one_at_a_time=True),
    Manager("maven", (_cache("{home}/.m2/repository"),), ((),), (), (), (), ("pom.xml",), store=True,
            one_at_a_time=True),
    Manager("gradle", (_cache("{home}/.gradle/caches", "GRADLE_USER_HOME", "/caches"),), ((),), (), (), (),
            ("build.gradle", "settings.gradle", "build.gradle.kts", "settings.gradle.kts", "gradle.properties"), store=True,
            one_at_a_time=True),
]  # fmt: skip

MANAGERS: Mapping[str, Manager] = {manager.name: manager for manager in _ALL}

PROGRAMS: Mapping[str, str] = {
    "pip": "pip", "pip3": "pip", "uv": "uv", "poetry": "poetry", "npm": "npm", "yarn": "yarn", "pnpm": "pnpm",
    "apt-get": "apt", "apt": "apt", "apk": "apk", "go": "go", "cargo": "cargo", "mvn": "maven", "mvnw": "maven",
    "gradle": "gradle", "gradlew": "gradle",
}  # fmt: skip
"""Program names to managers; `pip3.11` and `python -m pip` are handled where commands are read."""


@dataclass(frozen=True, slots=True)
class PipInputs:
    """What a `pip install` reads besides the index."""

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    local: tuple[str, ...] = field(default=())
    """Paths and editables, which need sources."""
