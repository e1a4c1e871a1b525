"""Stack files as compose itself reads them; only the client is asked."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from trimtab.deploy.desired import Desired
from trimtab.deploy.project import ask_desired
from trimtab.deploy.targets.kubernetes import export_kubernetes
from trimtab.deploy.targets.swarm import STACK, SwarmOptions, export_swarm
from trimtab.docker import ProcessRunner
from trimtab.fleet.plain import mapping

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("building")]
COMPOSE = """\
name: sample
services:
  web:
    image: registry.example/web:1
    command: serve --root $$HOME
    environment: {DATABASE_URL: "postgres://app:s3cr3t-93712@store:5432/x", PRICE: "$$5"}
    depends_on: {store: {condition: service_healthy}}
    ports: ["127.0.0.1:8080:80", "9000-9001:9000-9001"]
    extra_hosts: ["printer:192.0.2.7"]
    secrets: [{source: token, mode: 0400}]
    networks: [front, back]
    restart: unless-stopped
    mem_limit: 256m
    cpus: 0.5
    deploy: {replicas: 2}
  store:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: s3cr3t-93712}
    healthcheck: {test: "pg_isready || exit 1", interval: 5s, start_period: 1m30s, start_interval: 1s}
    volumes: ["data:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d:ro"]
    shm_size: 128mb
    tmpfs: ["/run:size=16m"]
    stop_grace_period: 1m
    ulimits: {nofile: {soft: 1024, hard: 2048}}
    networks: [back]
  migrate: {image: "registry.example/web:1", command: [migrate], network_mode: host, restart: "no"}
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
secrets: {token: {file: ./token}}
"""


async def desired(folder: Path, text: str) -> Desired:
    (folder / "compose.yaml").write_text(text)
    return await ask_desired(ProcessRunner(), folder, [str(folder / "compose.yaml")])


def project_of(found: Desired) -> dict[str, object]:
    return {**found.top, "services": {name: wanted.body for name, wanted in found.services.items()}}


@pytest.mark.anyio
@pytest.mark.parametrize("endpoint_mode", [None, "dnsrr"])
async def test_compose_reads_a_stack_as_what_the_project_was(tmp_path: Path, endpoint_mode: str | None) -> None:
    data = project_of(await desired(tmp_path, COMPOSE))
    options = SwarmOptions(endpoint_mode=endpoint_mode)  # pyright: ignore[reportArgumentType]
    text = export_swarm(data, options).files[STACK]
    assert "s3cr3t" not in text
    stack = tmp_path / "out" / STACK
    stack.parent.mkdir()
    stack.write_text(text)
    config = ["docker", "compose", "--file", str(stack), "config", "--format", "json"]
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+):\?", text))
    assert wanted == {"POSTGRES_PASSWORD"}
    clean = {name: value for name, value in os.environ.items() if name not in wanted}
    refused = subprocess.run(config, capture_output=True, text=True, check=False, env=clean)
    assert refused.returncode != 0
    assert "POSTGRES_PASSWORD" in refused.stderr
    given = {**clean, "POSTGRES_PASSWORD": "s3cr3t-93712"}
    read = subprocess.run(config, capture_output=True, text=True, check=True, env=given)
    assert read.stderr == ""
    again, before = mapping(yaml.safe_load(read.stdout)), mapping(data["services"])
    for name, body in mapping(again["services"]).items():
        for key in ("image", "command", "environment", "healthcheck", "stop_grace_period", "ulimits"):
            assert mapping(body).get(key) == mapping(before[name]).get(key), (name, key)


@pytest.mark.anyio
async def test_what_compose_prints_is_all_understood(tmp_path: Path) -> None:
    data = project_of(await desired(tmp_path, COMPOSE))
    for found in (export_kubernetes(data), export_swarm(data)):
        assert "trimtab does not know" not in " ".join(loss.reason for loss in found.losses)
