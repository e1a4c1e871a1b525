#!/bin/sh
set -eu
/usr/sbin/sshd -p 22
exec python src/main.py
