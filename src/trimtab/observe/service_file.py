"""A compose file that has one project observed for as long as its machine runs. Pure."""

import json
from dataclasses import dataclass

from trimtab.docker.engine_socket import SOCKET

FOLDER = "/work/.trimtab"
"""Where trimtab's image looks for the history."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What of a machine an observer in a container needs."""

    project: str
    folder: str
    """The folder of the history, absolute."""
    socket: str
    """The engine's socket, absolute."""
    user: int
    group: int
    """Whose the history is."""
    engine_group: int
    """Who may speak to the engine besides root."""
    image: str
    every: str
    """From one round to the next, `10s`."""


def service_file(seat: Seat) -> str:
    """The file's text."""
    return f"""\
# By `trimtab observe --snippet`, for this machine: paths, users and groups are its own. To start it:
#   docker build --tag {seat.image} FOLDER_OF_TRIMTAB
#   docker compose --file THIS_FILE up --detach
# Whoever may speak to the engine's socket may do anything with the engine, however it is mounted. Observing asks; of a
# holder it runs `nc` or `bash` in HAProxy's container to ask that. It has no network, so that nobody asks anything of it.
name: {_quoted(f"{seat.project}-observer")}
services:
  observe:
    image: {_quoted(seat.image)}
    command: [observe, --quiet, --every, {_quoted(seat.every)}, --project, {_quoted(seat.project)}]
    user: "{seat.user}:{seat.group}"
    group_add: ["{seat.engine_group}"]
    network_mode: none
    volumes:
      # trimtab: ignore[CM201] observing asks the engine
      - {{type: bind, source: {_quoted(seat.socket)}, target: {SOCKET}, read_only: true}}
      - {{type: bind, source: {_quoted(seat.folder)}, target: {FOLDER}}}
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    logging:
      driver: local
      options: {{max-size: 10m, max-file: "3"}}
    deploy:
      resources:
        limits: {{memory: 128M, cpus: "0.25"}}
        reservations: {{memory: 64M}}
"""


def _quoted(text: str) -> str:
    """A text as YAML's double quotes write it; compose takes `$$` for one `$`."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
