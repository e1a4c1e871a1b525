#!/bin/sh
# Prints the month's balance; started by hand on the first of each month: docker compose exec app close-month
set -eu
total=$(tr '\n' '+' < /srv/ledger/entries.txt | sed 's/+$/\n/' | bc)
echo "balance $total"
