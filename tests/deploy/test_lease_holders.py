"""Whether the process that holds a lease still runs."""

import os
import subprocess
import sys
from pathlib import Path

from trimtab.deploy.lease import process_start


def test_a_process_that_was_killed_runs_no_more_though_nobody_has_asked_about_it() -> None:
    """Until its parent does, its number stays: a deployer started right behind `kill -9` was told that another is at work."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process_start(process.pid) is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        assert process_start(process.pid) is None
    assert process_start(process.pid) is None
    assert process_start(os.getpid()) is not None
