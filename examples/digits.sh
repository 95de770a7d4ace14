#!/usr/bin/env bash
# Search by real training: a cell for handwritten digits.
# Needs pip install 'agnet[images]'; about a second of training a query and epoch.
set -euo pipefail
search --space nb201 -b train --data digits --with epochs="${EPOCHS:-3}" --queries "${QUERIES:-24}" -o digits.jsonl > best.jsonl
jq -r .arch best.jsonl
plot cells best.jsonl --format text
