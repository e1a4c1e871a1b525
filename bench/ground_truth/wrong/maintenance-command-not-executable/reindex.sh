#!/bin/sh
# Started by hand after an import: docker compose exec app reindex
echo reindexed
