"""Package databases of images (dpkg, apk, rpm), records of languages, compiled programs and archives."""

from trimtab.docker.packages import read_packages
from trimtab.scan.binaries import go_modules, java_archives
from trimtab.scan.installed import installed, is_installed
from trimtab.scan.packages import read_os_release

_PATHS = (
    "/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/dpkg/info/a.list",
    "/usr/lib/python3/site-packages/a-1.dist-info/METADATA", "/app/node_modules/a/package.json", "/etc/os-release",
    "/app/vendor/composer/installed.json", "/app/a.deps.json", "/opt/conda-meta/a.json", "/app/a", "/app/a.jar",
)  # fmt: skip


def check(data: bytes) -> None:
    path, content = (_PATHS[data[0] % len(_PATHS)], data[1:]) if data else (_PATHS[0], b"")
    read_packages({path: content}, [path])
    read_os_release(content.decode("utf-8", "replace"))
    if is_installed(path):
        list(installed(path, content))
    go_modules(path, content)
    if path.endswith(".jar"):
        list(java_archives(path, content))
