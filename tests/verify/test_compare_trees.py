"""Differences between two images, path by path: which are explained, by what, and which are losses that nothing explains."""

from dataclasses import replace
from typing import Any

import pytest

from trimtab.docker import FileEntry, ImageTree
from trimtab.rules import Effects
from trimtab.rules.base import ANOTHER_BASE
from trimtab.verify.compare import TreeComparison, may_write, unstable_paths

NOISE, DECLARED, BASE = "differs between two builds of the original", "declared", "belongs to the base"
NEW_BASE, PACKAGE, REMOVED_PACKAGE = "belongs to the new base", "belongs to a package", "belongs to a removed package"
APP = (1000, 1000)
DAY = 86400


def entry(sha: str = "a", *, uid: int = 0, gid: int = 0, mode: int = 0o644, shared: str = "", mtime: int = 0) -> FileEntry:
    return FileEntry("file", mode, uid, gid, 1, sha, shared=shared, mtime=mtime)


def folder(uid: int = 0, mode: int = 0o755) -> FileEntry:
    return FileEntry("dir", mode, uid, 0)


def link(target: str) -> FileEntry:
    return FileEntry("link", 0o777, 0, 0, link=target)


def reasons(
    before: dict[str, FileEntry], after: dict[str, FileEntry], effects: Effects | None = None, **known: Any
) -> dict[str, str]:
    """What explains each difference, empty where nothing does."""
    found = TreeComparison(ImageTree(before), ImageTree(after), effects or Effects(), **known).differences()
    return {each.subject: each.explained_by for each in found}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/var/log/apt/history.log", NOISE), ("/var/cache/ldconfig/aux-cache", NOISE), ("/var/cache/debconf/config.dat", NOISE),
        ("/var/cache/man/index.db", NOISE), ("/etc/.pwd.lock", NOISE), ("/var/cache/apt/pkgcache.bin", NOISE),
        ("/var/lib/apt/extended_states", NOISE), ("/root/.npm/_logs/1.log", NOISE), ("/home/app/.npm/_logs/1.log", NOISE),
        ("/tmp/node-compile-cache/v22/1", NOISE), ("/var/lib/dpkg/status-old", NOISE), ("/etc/passwd-", NOISE),
        ("/.dockerenv", NOISE), ("/etc/hostname", NOISE), ("/etc/hosts", NOISE), ("/etc/resolv.conf", NOISE), ("/etc/mtab", NOISE),
        ("/var/cache/apt/archives/curl.deb", ""), ("/var/lib/dpkg/status", ""), ("/etc/passwd", ""), ("/srv/etc/hosts", ""),
    ],
)  # fmt: skip
def test_what_two_builds_of_one_dockerfile_differ_in(path: str, reason: str) -> None:
    assert reasons({path: entry("a")}, {path: entry("b")}) == {path: reason}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/var/lib/dpkg/status", BASE), ("/lib/apk/db/installed", BASE), ("/usr/lib/apk/db/installed", BASE),
        ("/var/lib/apt/lists/lock", BASE), ("/etc/apk/world", BASE), ("/etc/ld.so.cache", BASE), ("/etc/alternatives/vi", BASE),
        ("/var/cache/fontconfig/1", BASE), ("/usr/share/man/man1/ls.1", BASE), ("/usr/share/doc/tar/copyright", BASE),
        ("/usr/share/info/dir", BASE), ("/opt/venv/lib/site-packages/flask/app.py", BASE), ("/app/lib/dist-packages/x.py", BASE),
        ("/app/__pycache__/a.cpython-311.pyc", BASE), ("/usr/lib/python3.11/abc.py", BASE), ("/usr/local/lib/python3.11/abc.py", BASE),
        ("/usr/local/lib/node_modules/npm/index.js", BASE), ("/usr/local/include/node/v8.h", BASE), ("/etc/passwd", BASE),
        ("/etc/group", BASE), ("/etc/shadow", BASE), ("/etc/gshadow", BASE), ("/etc/subuid", BASE), ("/etc/subgid", BASE),
        ("/etc/shells", BASE), ("/etc/pam.d/login", BASE), ("/etc/rc0.d/K01x", BASE), ("/etc/systemd/x.service", BASE),
        ("/root/.cache/pip/1", BASE), ("/root/.npm/_cacache/1", BASE), ("/tmp/hsperfdata/1", BASE), ("/run/lock/1", BASE),
        ("/etc/ssl/certs/ca.pem", BASE), ("/etc/ca-certificates/update.d/x", BASE), ("/etc/ca-certificates.conf", BASE),
        ("/usr/lib/locale/C.utf8/LC_CTYPE", BASE),
        ("/app/main.py", ""), ("/usr/local/bin/tool", ""), ("/etc/nginx/nginx.conf", ""), ("/var/lib/app/seed.db", ""),
    ],
)  # fmt: skip
def test_what_each_base_makes_for_itself_need_not_come_along(path: str, reason: str) -> None:
    assert reasons({path: entry()}, {}, ANOTHER_BASE, base=ImageTree({})) == {path: reason}


@pytest.mark.parametrize(
    "path",
    [
        "/usr/share/zoneinfo/UTC", "/lib64", "/lib64/ld.so.2", "/lib/libc.so", "/bin", "/bin/sh", "/sbin", "/sbin/ldconfig",
        "/etc/debian_version", "/var/lib/misc/x", "/root/.bashrc", "/media/cdrom", "/boot/config", "/dev/null", "/proc/x", "/sys/x",
        "/var/mail", "/home", "/opt", "/mnt", "/srv",
    ],
)  # fmt: skip
def test_where_the_base_is_not_known_the_systems_folders_are_its_own(path: str) -> None:
    assert reasons({path: entry()}, {}, ANOTHER_BASE) == {path: BASE}
    assert reasons({path: entry()}, {}, ANOTHER_BASE, own=frozenset({path})) == {path: ""}


@pytest.mark.parametrize(
    "path", ["/app/main.py", "/opt/tool/run", "/home/app/x", "/srv/www/index.html", "/data/x", "/var/www/x/y"]
)
def test_outside_of_them_nothing_may_get_lost(path: str) -> None:
    assert reasons({path: entry()}, {}, ANOTHER_BASE) == {path: ""}


def test_what_the_base_had_is_told_from_what_the_service_made() -> None:
    base = ImageTree({"/opt/jdk/x": entry("x"), "/opt/jdk/y": entry("y"), "/data": folder()})
    before = {
        "/opt/jdk/x": entry("x"),
        "/opt/jdk/y": entry("changed"),
        "/data": folder(1000),
        "/opt/own": entry(),
        "/opt/ffmpeg": entry(),
    }
    trees = ImageTree(before, {"ffmpeg": "6"}, {"ffmpeg": frozenset({"/opt/ffmpeg"})}), ImageTree({})
    found = TreeComparison(*trees, ANOTHER_BASE, base=base).differences()
    assert {each.subject: each.explained_by for each in found} == {
        "/opt/jdk/x": BASE, "/opt/jdk/y": "", "/data": BASE, "/opt/own": "", "/opt/ffmpeg": PACKAGE, "package ffmpeg": DECLARED,
    }  # fmt: skip


def test_what_a_new_base_brings_is_its_own_but_not_among_the_services_files() -> None:
    own = frozenset({"/app/main.py"})
    after = {"/etc/alpine-release": entry(), "/app/extra.py": entry(), "/application": entry()}
    assert reasons({}, after, ANOTHER_BASE, own=own) == {
        "/etc/alpine-release": NEW_BASE, "/app/extra.py": "", "/application": NEW_BASE,
    }  # fmt: skip


def test_a_folder_that_the_base_has_is_not_the_services_alone() -> None:
    base = ImageTree({"/app": folder()})
    assert reasons({}, {"/app/extra": entry()}, ANOTHER_BASE, own=frozenset({"/app/a"}), base=base) == {"/app/extra": NEW_BASE}


def test_a_file_copied_beside_the_systems_makes_nothing_else_there_the_services() -> None:
    own = frozenset({"/usr/local/bin/run", "/usr/share/app/data"})
    before = {
        path: entry()
        for path in ("/usr/local/bin/run", "/usr/local/bin/python3", "/usr/share/app/data", "/usr/share/app/other")
    }
    assert reasons(before, {}, ANOTHER_BASE, own=own) == {
        "/usr/local/bin/run": "", "/usr/local/bin/python3": BASE, "/usr/share/app/data": "", "/usr/share/app/other": "",
    }  # fmt: skip


def test_declared_beside_another_base() -> None:
    effects = ANOTHER_BASE.joined(Effects(removes=("/app/cache/**",), changes=("/app/version",)))
    before = {"/app/cache/1": entry(), "/app/cache/2": entry(), "/app/version": entry(), "/app/x": entry()}
    after = {"/app/cache/2": entry("b"), "/app/version": entry("b")}
    assert reasons(before, after, effects, base=ImageTree({})) == {
        "/app/cache/1": DECLARED, "/app/cache/2": "", "/app/version": DECLARED, "/app/x": "",
    }  # fmt: skip


def test_no_declaration_explains_a_program_that_can_no_longer_be_run() -> None:
    everywhere = Effects(changes=("/srv/**",))
    assert reasons({"/srv/run": entry(mode=0o755)}, {"/srv/run": entry()}, everywhere) == {"/srv/run": ""}
    assert reasons({"/srv/run": entry()}, {"/srv/run": entry(mode=0o755)}, everywhere) == {"/srv/run": DECLARED}
    assert reasons({"/srv/run": entry(mode=0o4755)}, {"/srv/run": entry(mode=0o755)}, everywhere) == {"/srv/run": ""}
    assert reasons({"/srv/run": entry(mode=0o2755)}, {"/srv/run": entry(mode=0o755)}, everywhere) == {"/srv/run": ""}
    assert reasons({"/srv/run": entry(mode=0o755)}, {"/srv/run": entry(mode=0o4755)}, everywhere) == {"/srv/run": DECLARED}
    assert reasons({"/srv/run": entry(mode=0o755)}, {"/srv/run": link("x")}, everywhere) == {"/srv/run": DECLARED}
    assert reasons({"/srv/run": folder()}, {"/srv/run": entry()}, everywhere) == {"/srv/run": DECLARED}
    assert reasons({"/srv/run": entry(mode=0o755)}, {"/srv/run": entry(mode=0o750)}, everywhere) == {"/srv/run": DECLARED}
    library = "/srv/node_modules/.bin/x"
    assert reasons({library: entry(mode=0o755)}, {library: entry()}, everywhere) == {library: DECLARED}


def test_what_belongs_to_another_base_may_be_set_otherwise() -> None:
    before, after = {"/usr/bin/su": entry(mode=0o4755)}, {"/usr/bin/su": entry("b", mode=0o755)}
    assert reasons(before, after, ANOTHER_BASE) == {"/usr/bin/su": BASE}
    assert reasons(before, after, ANOTHER_BASE, own=frozenset({"/usr/bin/su"})) == {"/usr/bin/su": ""}


def test_no_declaration_explains_other_content_in_the_services_own_files() -> None:
    everywhere, own = Effects(changes=("/**.js", "/app/**", "/etc/app/**")), frozenset({"/app/a.js", "/etc/app/own.js"})
    files = [
        "/app/a.js",
        "/app/b.js",
        "/app/node_modules/x.js",
        "/app/package-lock.json",
        "/etc/app/own.js",
        "/etc/app/other.js",
    ]
    before, after = {path: entry("a") for path in files}, {path: entry("b") for path in files}
    explained = {path for path, reason in reasons(before, after, everywhere, own=own).items() if reason}
    assert explained == {"/app/node_modules/x.js", "/app/package-lock.json", "/etc/app/other.js"}
    assert reasons({"/app/b.js": entry()}, {"/app/b.js": entry(uid=1)}, everywhere, own=own) == {"/app/b.js": DECLARED}
    meant = replace(everywhere, contents=("/app/b.js",))
    assert reasons(before, after, meant, own=own)["/app/b.js"] == DECLARED


@pytest.mark.parametrize(
    "path",
    [
        "/app/node_modules/a/index.js", "/app/lib/site-packages/a.py", "/app/lib/dist-packages/a.py", "/app/__pycache__/jit.nbi",
        "/app/package-lock.json", "/app/old.pyc",
    ],
)  # fmt: skip
def test_libraries_in_the_services_folder_are_not_its_own_files(path: str) -> None:
    assert reasons({path: entry("a")}, {path: entry("b")}, Effects(changes=(path,)), own=frozenset({"/app/a"})) == {
        path: DECLARED
    }


@pytest.mark.parametrize("path", ["/usr/lib/app/x", "/lib/app/x", "/etc/app/x", "/var/app/x"])
def test_a_copied_file_in_a_folder_of_the_system_is_own_and_its_neighbours_are_not(path: str) -> None:
    effects, own = Effects(changes=("/**/app/x", "/**/app/y")), frozenset({path})
    other = path[:-1] + "y"
    changed = reasons({path: entry("a"), other: entry("a")}, {path: entry("b"), other: entry("b")}, effects, own=own)
    assert changed == {path: "", other: DECLARED}


def test_a_copied_file_may_only_go_where_less_is_copied_or_a_stage_keeps_it() -> None:
    removes, own = Effects(removes=("/app/**",)), frozenset({"/app/start.sh"})
    before = {"/app/start.sh": entry(), "/app/made": entry()}
    assert reasons(before, {}, removes, own=own) == {"/app/start.sh": "", "/app/made": DECLARED}
    for fewer in (replace(removes, context=True), replace(removes, stages=True)):
        assert reasons(before, {}, fewer, own=own) == {"/app/start.sh": DECLARED, "/app/made": DECLARED}
    retired = frozenset({"start.sh"})
    assert reasons(before, {}, removes, own=own, retired=retired) == {"/app/start.sh": DECLARED, "/app/made": DECLARED}


def test_removal_that_is_declared_is_no_change_that_is() -> None:
    removes = Effects(removes=("/srv/a",))
    assert reasons({"/srv/a": entry()}, {"/srv/a": entry("b")}, removes) == {"/srv/a": ""}
    assert reasons({"/srv/a": entry()}, {}, removes) == {"/srv/a": DECLARED}


def test_folders_on_the_way_to_what_is_declared() -> None:
    effects = Effects(changes=("/srv/cache/uv/**",), removes=("/srv/old/pip/**",))
    assert reasons({}, {"/srv/cache": folder(), "/srv/cache/uv": folder()}, effects) == {
        "/srv/cache": DECLARED, "/srv/cache/uv": DECLARED,
    }  # fmt: skip
    kept = {"/srv/cache": folder(), "/srv/cache/more": folder()}
    assert reasons({}, kept, effects) == {"/srv/cache": DECLARED, "/srv/cache/more": ""}
    assert reasons({}, {"/srv/cache": folder(), "/srv/cache/x": entry()}, effects) == {"/srv/cache": "", "/srv/cache/x": ""}
    assert reasons({}, {"/srv/cache": entry()}, effects) == {"/srv/cache": ""}
    assert reasons({"/srv/cache": folder()}, {"/srv/cache": folder(1)}, effects) == {"/srv/cache": ""}
    assert reasons({"/srv/old": folder(), "/srv/old/pip/x": entry()}, {}, effects) == {
        "/srv/old": DECLARED, "/srv/old/pip/x": DECLARED,
    }  # fmt: skip


def test_what_a_removed_package_leaves() -> None:
    before = {
        "/usr/bin/vim.basic": entry(), "/usr/bin/vi": link("vim.basic"), "/usr/bin/editor": link("/etc/alternatives/editor"),
        "/usr/bin/mine": link("../../srv/tool"), "/usr/lib/vim": folder(), "/usr/lib/vim/x.py": entry(),
        "/usr/lib/vim/__pycache__/x.pyc": entry(), "/srv/__pycache__/y.pyc": entry(), "/srv/empty": folder(), "/srv/x": entry(),
        "/usr/share/doc/vim": entry(), "/usr/bin/other": entry(),
    }  # fmt: skip
    after = {"/usr/share/doc/vim": entry("b"), "/usr/bin/other": entry("b")}
    owned = frozenset({"/usr/bin/vim.basic", "/usr/lib/vim/x.py", "/usr/bin/other"})
    trees = (
        ImageTree(before, {"vim": "9", "tar": "1"}, {"vim": owned, "tar": frozenset({"/srv/x"})}),
        ImageTree(after, {"tar": "1"}),
    )
    found = TreeComparison(*trees, Effects(packages_removed=True)).differences()
    unexplained = {each.subject for each in found if not each.explained_by}
    assert unexplained == {"/usr/bin/mine", "/srv/__pycache__/y.pyc", "/srv/empty", "/srv/x", "/usr/bin/other"}
    assert {each.explained_by for each in found if each.explained_by} == {REMOVED_PACKAGE, DECLARED}
    kept = TreeComparison(*trees, Effects()).differences()
    assert not [each for each in kept if each.explained_by]


def test_a_package_that_is_new_or_another_version_is_not_explained_by_a_removal() -> None:
    trees = ImageTree({}, {"a": "1", "b": "1"}), ImageTree({}, {"a": "2", "c": "1"})
    found = TreeComparison(*trees, Effects(packages_removed=True)).differences()
    assert [(each.subject, each.before, each.after, each.explained_by) for each in found] == [
        ("package a", "1", "2", ""), ("package c", "absent", "1", ""), ("package b", "1", "absent", DECLARED),
    ]  # fmt: skip
    assert {each.explained_by for each in TreeComparison(*trees, ANOTHER_BASE).differences()} == {DECLARED}


def test_bytecode_counts_as_its_source() -> None:
    code = {"/a/__pycache__/x.cpython-311.opt-1.pyc": entry("one")}
    other = {"/a/__pycache__/x.cpython-311.opt-1.pyc": entry("two")}
    source = {"/a/x.py": entry("s")}
    assert reasons({**source, **code}, {**source, **other}) == {}
    assert list(reasons(code, {**source, **other})) == ["/a/__pycache__/x.cpython-311.opt-1.pyc", "/a/x.py"]
    assert list(reasons({**source, **code}, other)) == ["/a/__pycache__/x.cpython-311.opt-1.pyc", "/a/x.py"]
    assert list(reasons(code, other)) == list(code)
    for changed in (entry("two", uid=1), entry("two", gid=1), entry("two", mode=0o600)):
        assert list(reasons({**source, **code}, {**source, next(iter(code)): changed})) == list(code)
    assert list(reasons({**source, "/a/x.txt": entry("one")}, {**source, "/a/x.txt": entry("two")})) == ["/a/x.txt"]


def test_own_files_that_lose_a_time_of_their_own() -> None:
    own = frozenset({"/app/a", "/etc/app/conf"})
    paths = ["/app/a", "/app/sub/b", "/app/node_modules/c", "/etc/app/conf", "/etc/app/other", "/srv/d"]
    before, after = {path: entry(mtime=60) for path in paths}, {path: entry(mtime=60 + DAY + 1) for path in paths}
    found = TreeComparison(ImageTree(before), ImageTree(after), Effects(), own=own).differences()
    assert [(each.subject, each.before, each.after, each.explained_by) for each in found] == [
        ("time of /app/a", "1970-01-01T00:01+00:00", "1970-01-02T00:01+00:00", ""),
        ("time of /app/sub/b", "1970-01-01T00:01+00:00", "1970-01-02T00:01+00:00", ""),
        ("time of /etc/app/conf", "1970-01-01T00:01+00:00", "1970-01-02T00:01+00:00", ""),
    ]
    assert list(reasons(before, after, own=own, noise=frozenset({"/app/a"}))) == ["time of /app/sub/b", "time of /etc/app/conf"]
    a_day = {path: entry(mtime=60 + DAY) for path in paths}
    assert reasons(before, a_day, own=own) == {}
    assert list(reasons({"/app/a": entry()}, {"/app/a": entry("b", mtime=9 * DAY)}, own=own)) == ["/app/a"]
    assert reasons({"/app/s": folder()}, {"/app/s": replace(folder(), mtime=9 * DAY)}, own=own) == {}
    assert list(reasons({"/app/a": entry(), "/app/b": entry()}, {"/app/b": entry(mtime=9 * DAY)}, own=own)) == [
        "/app/a",
        "time of /app/b",
    ]


@pytest.mark.parametrize(
    ("mode", "user", "may"),
    [
        (0o400, (0, 0), True), (0o200, (7, 1), True), (0o577, (7, 1), False), (0o020, (1, 8), True), (0o757, (1, 8), False),
        (0o002, (1, 1), True), (0o775, (1, 1), False), (0o022, (7, 8), False),
    ],
)  # fmt: skip
def test_who_may_write(mode: int, user: tuple[int, int], may: bool) -> None:
    assert may_write(entry(uid=7, gid=8, mode=mode), user) is may


def test_own_places_that_the_user_could_write_to() -> None:
    before: dict[str, FileEntry] = {
        "/app": folder(1000),
        "/app/log": entry(uid=1000),
        "/app/a": entry(),
        "/apple": folder(1000),
        "/app/gone": entry(uid=1000),
    }
    after = {"/app": folder(), "/app/log": entry(), "/app/a": entry(), "/apple": folder()}
    known: dict[str, Any] = {"own": frozenset({"/app/a"}), "users": (APP, APP)}
    found = TreeComparison(ImageTree(before), ImageTree(after), Effects(changes=("/app**",)), **known).differences()
    lost = [(each.subject, each.before, each.after) for each in found if not each.explained_by]
    assert ("writing to /app", "may", "may not: dir 755 0:0") in lost
    assert ("writing to /app/log", "may", "may not: file 644 0:0 a") in lost
    assert {subject for subject, *_ in lost if subject.startswith("writing")} == {"writing to /app", "writing to /app/log"}
    for quiet in ({**known, "users": None}, {**known, "users": (APP, (0, 0))}, {**known, "users": ((5, 5), APP)}):
        assert not [each for each in reasons(before, after, **quiet) if each.startswith("writing")]
    assert not [each for each in reasons(before, after, Effects(config=("User",)), **known) if each.startswith("writing")]
    links = {"/app/l": FileEntry("link", 0o777, 1000, 0, link="x")}
    assert list(reasons(links, {"/app/l": FileEntry("link", 0o755, 0, 0, link="x")}, **known)) == ["/app/l"]


@pytest.mark.parametrize(
    "shared", ["/", "/usr", "/usr/local", "/usr/local/bin", "/usr/bin", "/etc", "/root", "/home", "/opt", "/srv", "/tmp"]
)
def test_folders_that_everybody_copies_to_are_nobodys_own(shared: str) -> None:
    own = frozenset({shared.rstrip("/") + "/run"})
    assert list(reasons({shared: folder(1000)}, {shared: folder()}, own=own, users=(APP, APP))) == [shared]


def test_hard_links_that_part() -> None:
    before = {"/a": entry(shared="/a"), "/b": entry(shared="/a"), "/c": entry(shared="/a")}
    after = {"/a": entry(shared="/a"), "/b": entry(shared="/a"), "/c": entry()}
    found = TreeComparison(ImageTree(before), ImageTree(after), Effects()).differences()
    assert [(each.subject, each.before, each.after, each.explained_by) for each in found] == [
        ("/c", "hard link to /a", "a file of its own", ""),
    ]  # fmt: skip
    assert reasons(before, after, Effects(changes=("/c",))) == {"/c": DECLARED}
    assert list(reasons(before, {"/b": entry(shared="/b"), "/c": entry(shared="/b")})) == ["/a"]
    assert list(reasons(before, {"/a": entry(shared="/a"), "/b": entry(shared="/a")})) == ["/c"]


def test_what_is_shown_of_a_path() -> None:
    capable = replace(entry("0123456789abcdef", mode=0o755, uid=7, gid=8), xattrs=(("security.capability", "01"),))
    before = {"/a": capable, "/b": link("c")}
    found = TreeComparison(ImageTree(before), ImageTree({}), Effects()).differences()
    assert [(each.subject, each.before, each.after) for each in found] == [
        ("/a", "file 755 7:8 0123456789ab security.capability", "absent"),
        ("/b", "link 777 0:0 -> c", "absent"),
    ]


def test_what_nothing_explains_comes_first() -> None:
    found = reasons({"/etc/hosts": entry(), "/z": entry(), "/a": entry()}, {})
    assert list(found) == ["/a", "/z", "/etc/hosts"]


def test_paths_that_differ_between_two_builds_are_paths_only() -> None:
    one = ImageTree({"/a": entry(), "/etc/hosts": entry(), "/b": entry()}, {"x": "1"})
    assert unstable_paths(one, ImageTree({"/a": entry("b"), "/b": entry()})) == {"/a", "/etc/hosts"}
