"""Speaking with a lane's HAProxy through its control socket."""

from collections.abc import Sequence

from trimtab.docker.command import execute
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError

_SECONDS = 60.0
_SPEAK = """\
for line in "$@"; do
  if command -v nc >/dev/null 2>&1; then printf '%s\\n' "$line" | nc 127.0.0.1 "$ADMIN"
  else bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$ADMIN" && printf "%s\\n" "$1" >&3 && cat <&3' bash "$line"; fi || exit 1
  printf '\\036'
done
"""
"""One conversation for each command: HAProxy closes after its answer. Alpine's image has `nc`, Debian's has `bash`."""


class HolderFailed(ToolError):
    """The holder does not do what it has to."""


async def speak(runner: Runner, proxy: str, admin: int, commands: Sequence[str]) -> list[str]:
    """Give an HAProxy commands, and get an answer to each.

    Args:
        runner: Starts the docker client.
        proxy: Its container, by id or name.
        admin: The port of its control socket, inside that container alone.
        commands: In order.

    Raises:
        HolderFailed: it cannot be reached.
    """
    if not commands:
        return []
    words = ("env", f"ADMIN={admin}", "sh", "-c", _SPEAK, "sh", *commands)
    try:
        done = await runner.run(execute(proxy, *words), timeout=_SECONDS)
    except TimeoutError as error:
        raise HolderFailed(f"HAProxy in `{proxy}` did not answer within {_SECONDS:.0f} s") from error
    answers = done.stdout.decode("utf-8", "replace").split("\x1e")[:-1]
    if done.code != 0 or len(answers) != len(commands):
        raise HolderFailed(f"HAProxy in `{proxy}` does not answer: {done.stderr.strip()[-300:] or 'nothing came'}")
    return answers
