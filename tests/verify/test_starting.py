"""What is left of a project when it is started beside itself."""

from trimtab.docker.command import LABEL
from trimtab.verify.starting import isolated


def test_nothing_of_a_running_project_is_met() -> None:
    project = {
        "services": {
            "a": {
                "image": "a",
                "container_name": "a",
                "ports": [{"target": 80, "published": "80"}],
                "restart": "always",
                "volumes": [
                    {"type": "bind", "source": "/srv", "target": "/s"},
                    {"type": "bind", "source": "/etc/a", "target": "/a", "read_only": True},
                    {"type": "volume", "source": "d", "target": "/d"},
                ],
            },
            "B": {"image": "mine", "build": {"context": "/x"}},
        },
        "networks": {"default": {"name": "shop_default", "external": True}},
        "volumes": {"d": {"name": "shop_d", "driver": "local"}},
    }
    found = isolated(project, "r-1")
    labels = {LABEL: "r-1"}
    assert found == {
        "services": {
            "a": {
                "image": "a",
                "volumes": [
                    {"type": "bind", "source": "/etc/a", "target": "/a", "read_only": True},
                    {"type": "volume", "source": "d", "target": "/d"},
                ],
                "labels": labels,
            },
            "B": {"image": "trimtab-r-1-start:b", "build": {"context": "/x", "labels": labels}, "labels": labels},
        },
        "networks": {"default": {"labels": labels}},
        "volumes": {"d": {"driver": "local", "labels": labels}},
    }
