"""Health checks of images, for those who run no image's own."""

from collections.abc import Callable, Mapping

import pytest
import yaml

from trimtab.deploy.targets.image_checks import image_checks, with_checks
from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.fleet import Fleet
from trimtab.fleet.plain import items, mapping

Discover = Callable[[Mapping[str, str]], Fleet]


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("HEALTHCHECK CMD curl -f http://localhost/ || exit 1", {"test": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]}),
        (
            'HEALTHCHECK --interval=7s --timeout=2s --start-period=1m --start-interval=1s --retries=4 CMD ["check", "it"]',
            {
                "test": ["CMD", "check", "it"], "interval": "7s", "timeout": "2s", "start_period": "1m", "start_interval": "1s",
                "retries": 4,
            },
        ),
        ("HEALTHCHECK NONE", None),
        ("CMD x", None),
    ],
)  # fmt: skip
def test_a_check_is_read_from_the_dockerfile(fleet: Discover, instruction: str, expected: object) -> None:
    files = {
        "shop/compose.yaml": "services:\n  web: {build: web}\n  other: {image: x}\n",
        "shop/web/Dockerfile": f"FROM alpine AS base\n{instruction}\nFROM base\nRUN true\n",
    }
    assert image_checks(fleet(files), ["shop/compose.yaml"]) == ({"web": expected} if expected else {})


def test_files_that_are_no_project_of_the_fleet_have_no_checks(fleet: Discover) -> None:
    assert image_checks(fleet({"compose.yaml": "services: {a: {image: x}}\n"}), ["other.yaml"]) == {}


def test_what_a_service_says_goes_before_its_image() -> None:
    checks = {"a": {"test": ["CMD", "image"], "interval": "1s", "timeout": "2s"}}
    for own, expected in (
        ({}, {"test": ["CMD", "image"], "interval": "1s", "timeout": "2s"}),
        ({"interval": "9s"}, {"test": ["CMD", "image"], "interval": "9s", "timeout": "2s"}),
        ({"test": ["CMD", "own"]}, {"test": ["CMD", "own"]}),
        ({"disable": True}, {"disable": True}),
    ):
        found = with_checks({"services": {"a": {"healthcheck": own}}}, checks)
        assert mapping(mapping(found["services"])["a"])["healthcheck"] == expected


def test_a_cluster_asks_what_the_image_asks() -> None:
    data = {"services": {"a": {"image": "x", "expose": ["80"]}}}
    options = KubernetesOptions(checks={"a": {"test": ["CMD-SHELL", "curl -f http://localhost:80/up"]}})
    found = export_kubernetes(data, options)
    workload = next(mapping(each) for each in yaml.safe_load_all(found.files["a.yaml"]) if each["kind"] == "Deployment")
    container = mapping(items(mapping(mapping(mapping(workload["spec"])["template"])["spec"])["containers"])[0])
    assert mapping(container["readinessProbe"])["httpGet"] == {"path": "/up", "port": 80}
    assert "healthcheck" not in {loss.key for loss in found.losses}
    assert "healthcheck" in {loss.key for loss in export_kubernetes(data).losses}
