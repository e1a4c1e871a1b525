"""Packages that services could share a base for."""

from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.shared_base import shared_bases
from trimtab.fleet.tree import OverlayTree

APT = "RUN apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*\n"


def fleet_of(**packages: str) -> Fleet:
    names = list(packages)
    compose = "services:\n" + "".join(f"  {name}:\n    build:\n      context: ./{name}\n" for name in names)
    files = {f"{name}/Dockerfile": f'FROM python:3.13-slim\n{APT.format(packages[name])}CMD ["a"]\n' for name in names}
    return discover(MemoryTree({"compose.yaml": compose, **files}))


def test_what_three_install_is_shared_and_the_rest_stays() -> None:
    fleet = fleet_of(a="curl git", b="git curl", c="curl git tini", d="jq")
    (found,) = shared_bases(fleet)
    assert found.name == "shared-python-3-13-slim"
    assert found.packages == ("curl", "git")
    assert "install -y --no-install-recommends curl git" in found.text
    texts = {member.file.path: member.text for member in found.members}
    assert texts["a/Dockerfile"] == 'FROM shared-python-3-13-slim\nCMD ["a"]\n'
    assert texts["c/Dockerfile"] == f'FROM shared-python-3-13-slim\n{APT.format("tini")}CMD ["a"]\n'
    assert set(texts) == {"a/Dockerfile", "b/Dockerfile", "c/Dockerfile"}


def test_it_is_wired_by_compose_and_never_started() -> None:
    fleet = fleet_of(a="curl", b="curl", c="curl")
    (found,) = shared_bases(fleet)
    settled = settle(fleet, found.project, found.wants)
    assert not settled.refused
    files = {path: text for path, text in {**found.texts, **settled.texts}.items() if text is not None}
    after = discover(MemoryTree(files))
    service = after.projects[0].service("a")
    assert service is not None
    assert service.build is not None
    assert dict(service.build.additional_contexts) == {found.name: f"service:{found.name}"}
    own = after.projects[0].service(found.name)
    assert own is not None
    assert own.body["deploy"] == {"replicas": 0}
    assert ComposeFacts(after, after.projects[0]).image(own)


def test_nothing_is_proposed_where_nothing_is_shared_or_understood() -> None:
    assert list(shared_bases(fleet_of(a="curl", b="curl"))) == []
    assert list(shared_bases(fleet_of(a="curl", b="git", c="jq"))) == []
    assert list(shared_bases(fleet_of(a="curl && make", b="curl && make", c="curl && make"))) == []
    assert list(shared_bases(fleet_of(a="$P", b="$P", c="$P"))) == []


def test_a_dockerfile_of_its_name_stays_and_other_stages_and_images_are_left_alone() -> None:
    fleet = fleet_of(a="curl", b="curl", c="curl")
    (found,) = shared_bases(fleet)
    taken = discover(OverlayTree(fleet.tree, {found.dockerfile: "FROM a\n"}))
    assert list(shared_bases(taken)) == []
    text = "FROM scratch AS x\nFROM python:3.13-slim\n" + APT.format("curl") + 'CMD ["a"]\n'
    compose = getattr(fleet.tree.read("compose.yaml"), "text", "") + "  d:\n    image: e\n"
    more = discover(OverlayTree(fleet.tree, {"a/Dockerfile": text, "compose.yaml": compose}))
    (again,) = shared_bases(more)
    texts = {member.file.path: member.text for member in again.members}
    assert texts["a/Dockerfile"] == f'FROM scratch AS x\nFROM {found.name}\nCMD ["a"]\n'
