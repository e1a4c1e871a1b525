#!/bin/sh
# serve: the service; export: the names of all enabled flags, for the nightly report.
case "$1" in
  serve) exec node server.js ;;
  export) jq -r 'to_entries[] | select(.value) | .key' flags.json ;;
  *) exec "$@" ;;
esac
