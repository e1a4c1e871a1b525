#!/bin/sh
# Makes another release current: docker compose exec app switch-release 1
ln -sfn "releases/$1" /srv/site/current && echo "switched to $1"
