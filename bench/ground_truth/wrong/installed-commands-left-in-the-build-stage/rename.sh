#!/bin/sh
# Run by the host each night: docker compose exec app run-parts /etc/cron.daily
slugify "Übersicht aller Seiten"
