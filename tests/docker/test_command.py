"""Commands as text: what would be run, and that no value that may be secret is in it."""

import pytest

from trimtab.docker import command as argv


def line(command: argv.Command) -> str:
    return " ".join(command.argv)


def test_build() -> None:
    command = argv.build(
        context="/c", dockerfile="/d/Dockerfile", tag="t:1", run="r1", target="final", args={"TOKEN": "hidden", "PATH": "/x"},
        contexts={"shared": "/s"}, no_cache=True,
    )  # fmt: skip
    assert line(command) == (
        "docker buildx build --progress rawjson --file /d/Dockerfile --tag t:1 --label io.trimtab.run=r1"
        " --build-arg PATH=/x --build-arg TOKEN --build-context shared=/s --target final --no-cache --load --provenance=false /c"
    )
    assert command.env == {"TOKEN": "hidden"}


@pytest.mark.parametrize(
    "name",
    [
        "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "all_proxy", "DOCKER_API_VERSION", "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
    ],
)  # fmt: skip
def test_what_the_client_obeys_is_not_in_its_environment(name: str) -> None:
    """An image's or a container's `DOCKER_API_VERSION` would be the client's own."""
    built = argv.build(context="/c", dockerfile="/c/Dockerfile", tag="t:1", run="r1", args={name: "x", "VERSION": "2"})
    started = argv.start(image="i", run="r1", environment={name: "x", "VERSION": "2"})
    assert built.env == started.env == {"VERSION": "2"}
    assert (f"--build-arg {name}=x" in line(built), f"--env {name}=x" in line(started)) == (True, True)


def test_credentials_of_registries_stand_on_no_command_line() -> None:
    command = argv.start(image="i", run="r1", environment={"DOCKER_AUTH_CONFIG": "hidden"})
    assert "hidden" not in line(command)
    assert command.env == {"DOCKER_AUTH_CONFIG": "hidden"}


def test_start() -> None:
    command = argv.start(
        image="i", run="r1", placement=argv.Placement(hosts=["db"], volumes=["/data"], tmpfs=["/tmp"]),
        environment={"PASSWORD": "hidden"}, user="1000", workdir="/w", read_only=True, memory="64M", cpus="0.5", health=["--no-healthcheck"], entrypoint="sh", arguments=["-c", "x"],
    )  # fmt: skip
    assert line(command) == (
        "docker run --detach --label io.trimtab.run=r1 --network none --env PASSWORD --add-host db:127.0.0.1 --volume /data"
        " --tmpfs /tmp --user 1000 --workdir /w --read-only --memory 64M --cpus 0.5 --no-healthcheck --entrypoint sh i -c x"
    )
    assert command.env == {"PASSWORD": "hidden"}


def test_cleaning_up_goes_by_label() -> None:
    assert line(argv.containers_of("r1")).endswith("--filter label=io.trimtab.run=r1")
    assert line(argv.images_of("r1")).endswith("--filter label=io.trimtab.run=r1")
    assert line(argv.remove("a", "b")) == "docker rm --force --volumes a b"
