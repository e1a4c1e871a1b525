"""The order of versions, with dpkg itself as the judge of Debian's."""

import itertools
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.scan.versions import UnreadableVersion, can_order, read_version

ASCENDING = {
    "Debian:12": ["0~", "0", "1.0~rc1", "1.0~rc1-1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-1+deb12u2", "1:0.1"],
    "Ubuntu:22.04:LTS": ["2.35-0ubuntu3", "2.35-0ubuntu3.1", "2.35-0ubuntu3.10"],
    "Alpine:v3.20": ["1.2.3_alpha1-r0", "1.2.3_rc1-r0", "1.2.3-r0", "1.2.3-r1", "1.2.3-r10", "1.2.3_p1-r0", "1.10-r0"],
    "Alpine:v3.19": [
        "1.2.4_pre1-r0",
        "1.2.4-r9",
        "1.2.4_cvs20240101-r0",
        "1.2.4_svn1-r0",
        "1.2.4_git20230717-r4",
        "1.2.4_git20230717-r5",
        "1.2.4_git20230718-r0",
        "1.2.4_hg1-r0",
        "1.2.4_p0-r0",
        "1.2.4_p1-r0",
        "1.2.4a-r0",
        "1.2.5-r0",
    ],
    "Wolfi": ["0_git20200101-r0", "0_git20200101_p1-r0", "0.1-r0"],
    "PyPI": ["1.0.dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.0.1", "1!0.1"],
    "npm": ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0"],
    "Go": ["0.0.0-20190101000000-abcdefabcdef", "0.1.0", "1.2.3", "v1.2.4"],
    "Maven": ["1.0-alpha-1", "1.0-SNAPSHOT", "1.0", "1.0.1", "1.10"],
    "RubyGems": ["1.0.a", "1.0", "1.0.1"],
    "Rocky Linux:9": ["1.2-1.el9", "1.2-1.el9_1", "1.10-1.el9", "1:1.0-1.el9"],
    "crates.io": ["0.1.0", "0.2.0-beta.1", "0.2.0"],
}


@pytest.mark.parametrize("ecosystem", ASCENDING)
def test_each_version_is_below_the_next(ecosystem: str) -> None:
    versions = [read_version(ecosystem, text) for text in ASCENDING[ecosystem]]
    assert all(one < other and not other < one for one, other in itertools.pairwise(versions))


@pytest.mark.parametrize(("ecosystem", "one", "other"), [("PyPI", "1.0", "1.0.0"), ("npm", "1.0.0+a", "1.0.0+b"), ("Debian:12", "1.0-0", "1.0")])  # fmt: skip
def test_spellings_of_one_version_are_equal(ecosystem: str, one: str, other: str) -> None:
    left, right = read_version(ecosystem, one), read_version(ecosystem, other)
    assert not left < right
    assert not right < left


@pytest.mark.parametrize(
    ("ecosystem", "text"), [("PyPI", "no version"), ("npm", ""), ("Debian:12", "no version"), ("Hackage", "1.0")]
)
def test_what_is_no_version_is_said_to_be_none(ecosystem: str, text: str) -> None:
    with pytest.raises(UnreadableVersion):
        read_version(ecosystem, text)


def test_an_unknown_order_is_not_guessed() -> None:
    assert can_order("Debian:12")
    assert not can_order("Hackage")


UPSTREAM = st.from_regex(r"\A[0-9][0-9a-z.+~]{0,7}\Z")
REVISION = st.from_regex(r"\A[0-9a-z+.~]{1,4}\Z")


def debian(epoch: str, upstream: str, revision: str) -> str:
    return f"{epoch}{upstream}{'-' + revision if revision else ''}"


DEBIAN = st.builds(debian, st.sampled_from(["", "", "1:", "2:"]), UPSTREAM, st.one_of(st.just(""), REVISION))


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is the judge")
@settings(max_examples=400)
@given(DEBIAN, DEBIAN)
def test_debian_is_ordered_as_dpkg_orders(one: str, other: str) -> None:
    ours = read_version("Debian", one) < read_version("Debian", other)
    theirs = subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False, capture_output=True)
    assert ours == (theirs.returncode == 0), (one, other)
