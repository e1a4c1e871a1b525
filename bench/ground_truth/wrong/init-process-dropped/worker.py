"""Starts a short-lived helper now and then and never waits for it."""

import os
import subprocess
import time

while True:
    subprocess.Popen(["sh", "-c", "(exec sleep 0.2) & exit 0"]).wait()
    zombies = os.popen("cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '").read().strip()
    print(f"zombies: {zombies}", flush=True)
    time.sleep(0.5)
