"""Nothing breaks on public files: every fleet below CORPUS is reviewed and fixed, and what comes out is read again.

CORPUS names a folder with one public repository in each of its folders. They are fetched by whoever has them; none is
part of this repository.
"""

import os
from pathlib import Path

import dockerfile as go_parser
import pytest

from trimtab.fleet import DiskTree, discover, rediscover
from trimtab.review import review
from trimtab.rewrite import rewrite

CORPUS = Path(os.environ.get("CORPUS", "corpus-is-not-set"))
FLEETS = sorted(path for path in CORPUS.iterdir() if path.is_dir()) if CORPUS.is_dir() else []


def accepted(text: str) -> bool:
    """Whether the Go parser takes a text; it is the parser of BuildKit v0.12."""
    try:
        go_parser.parse_string(text)
    except go_parser.GoParseError:
        return False
    return True


@pytest.mark.skipif(not FLEETS, reason="CORPUS names no folder of public repositories")
@pytest.mark.parametrize("folder", FLEETS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
def test_no_file_breaks(folder: Path, unsafe: bool) -> None:
    fleet = discover(DiskTree(folder))
    assert [str(crash) for crash in review(fleet).crashes] == []
    changes = rewrite(fleet, unsafe=unsafe, proof=unsafe)
    assert [(change.path, change.bug) for change in changes.bugs] == []
    dockerfiles = [change for change in changes.changed if fleet.file(change.path)]
    broken = [change.path for change in dockerfiles if accepted(change.before or "") and not accepted(change.text)]
    assert broken == []
    again = rewrite(rediscover(fleet, {change.path: change.after for change in changes.changed}), unsafe=unsafe, proof=unsafe)
    assert [(change.path, change.rules) for change in again.changed] == []
