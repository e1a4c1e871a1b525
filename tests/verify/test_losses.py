"""What is gone and still asked for."""

from collections.abc import Mapping

import pytest

from trimtab.docker import FileEntry, ImageConfig, ImageTree
from trimtab.verify.intent import Intent, lost_variables
from trimtab.verify.losses import Losses, opened_libraries
from trimtab.verify.reach import resolve, unreachable

FILE = FileEntry("file", 0o644, 0, 0, 1, "a")
PROGRAM = FileEntry("file", 0o755, 0, 0, 1, "b")


def tree(paths: Mapping[str, FileEntry] | list[str], **others: object) -> ImageTree:
    entries = dict.fromkeys(paths, FILE) if isinstance(paths, list) else dict(paths)
    return ImageTree(entries, **others)  # type: ignore[arg-type]


def losses(before: ImageTree, after: ImageTree, own: dict[str, str] | None = None, **others: object) -> list[str]:
    values: dict[str, object] = {"another_base": False, **others}
    return [each.subject for each in Losses(before, after, own or {}, **values).differences()]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "text", "asked"),
    [
        ("/app/a.py", "subprocess.run(['jq', '.'])", True),
        ("/app/a.py", "subprocess.run('/usr/bin/jq . x', shell=True)", True),
        ("/app/a.py", "x = {'jq': 1}", False),
        ("/app/a.js", "execFile('jq')", False),
        ("/app/a.js", "require('child_process').execFile('jq')", True),
        ("/app/run.sh", "cat x | jq .", True),
        ("/app/run.sh", "# jq is gone\ntrue", False),
        ("/etc/cron.d/job", "5 * * * * root jq . x", True),
        ("/app/README.md", "run jq", False),
    ],
)
def test_programs_that_own_files_call(path: str, text: str, asked: bool) -> None:
    own = {path: text}
    before = tree({"/usr/bin/jq": PROGRAM, path: FILE})
    assert losses(before, tree({path: FILE}), own) == (["program jq"] if asked else [])


@pytest.mark.parametrize(
    ("text", "asked"),
    [("CDLL('libmagic.so.1')", True), ("find_library('magic')", True), ("import magic", False), ("'magic'", False)],
)
def test_libraries_that_are_opened_by_name(text: str, asked: bool) -> None:
    own = {"/app/a.py": text}
    before, after = tree(["/usr/lib/libmagic.so.1", "/app/a.py"]), tree(["/app/a.py"])
    assert ("library libmagic.so.1" in losses(before, after, own)) is asked
    assert ("magic" in opened_libraries(text.encode())) is asked


def test_a_later_version_of_a_library_is_not_a_loss() -> None:
    own = {"/app/a.py": "find_library('ssl')"}
    assert losses(tree(["/usr/lib/libssl.so.1.1"]), tree(["/usr/lib/libssl.so.3"]), own) == []


def test_modules_that_are_imported_late() -> None:
    site = "/usr/lib/python3/dist-packages/yaml/__init__.py"
    own = {"/app/a.py": "def f():\n    import yaml\n"}
    assert losses(tree([site, "/app/a.py"]), tree(["/app/a.py"]), own) == ["module yaml"]
    # Left in a build stage, the importing file imports nothing any more.
    assert losses(tree([site, "/app/a.py"]), tree([]), own) == []


def test_data_counts_where_somebody_may_ask() -> None:
    zones = tree(["/usr/share/zoneinfo/UTC", "/app/a.py"])
    assert losses(zones, tree(["/app/a.py"]), {"/app/a.py": "from zoneinfo import ZoneInfo"}) == ["time zones"]
    assert losses(zones, tree(["/app/a.py"]), {"/app/a.py": "print()"}) == []
    assert losses(tree(["/usr/lib/locale/de_DE.utf8/LC_TIME"]), tree([])) == ["locale de_DE.utf8"]


def test_packages_asked_for_by_name_stay() -> None:
    before = ImageTree({}, {"bc": "1"}, {"bc": frozenset({"/usr/bin/bc"})})
    assert losses(before, ImageTree({}), asked=frozenset({"bc"})) == ["package bc"]
    assert losses(before, ImageTree({}), asked=frozenset({"bc"}), done_with=frozenset({"bc"})) == []
    assert losses(before, ImageTree({})) == []


def test_versions_of_libraries_stay() -> None:
    before = tree([], libraries={"pip flask": "2.0", "pip torch": "2.1+cu121", "npm a": "1, 2"})
    after = tree([], libraries={"pip flask": "3.0", "pip torch": "2.1+cpu", "npm a": "2"})
    assert losses(before, after) == ["package pip flask"]


def test_capabilities_and_set_user_id() -> None:
    capable = FileEntry("file", 0o4755, 0, 0, 1, "a", xattrs=(("security.capability", "01"),))
    found = losses(tree({"/usr/bin/x": capable}), tree({"/usr/bin/x": PROGRAM}))
    assert found == ["capabilities of /usr/bin/x", "set-user-id of /usr/bin/x"]


def config(**values: object) -> ImageConfig:
    return ImageConfig("1", 1, (), values)


def test_programs_are_found_through_links_and_the_path() -> None:
    entries = {
        "/bin": FileEntry("link", 0o777, 0, 0, link="usr/bin"),
        "/usr/bin/sh": FileEntry("link", 0o777, 0, 0, link="dash"),
        "/usr/bin/dash": PROGRAM,
        "/loop": FileEntry("link", 0o777, 0, 0, link="/loop"),
    }
    full = tree(entries)
    assert resolve(full, "/bin/sh") == PROGRAM
    assert resolve(full, "/loop") is None
    started = config(Cmd=["sh", "-c", "exec curl localhost"])
    gone = [each.subject for each in unreachable((full, started), (tree([]), started), None)]
    assert gone == ["program sh"]
    plain = tree({**entries, "/usr/bin/dash": FILE})
    assert [each.after for each in unreachable((full, started), (plain, started), None)] == ["not executable"]


def test_variables_without_a_value_where_they_are_used() -> None:
    def intent(text: str) -> Intent:
        return Intent(text, {}, None)

    before = intent("FROM a:1\nARG V=1\nRUN echo $V && X=2 && echo $X\n")
    assert [each.subject for each in lost_variables(before, intent("ARG V=1\nFROM a:1\nRUN echo $V\n"))] == ["variable V"]
    assert list(lost_variables(before, intent("FROM a:1\nARG V=1\nRUN echo ${V}\n"))) == []
