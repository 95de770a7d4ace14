#!/usr/bin/env bash
# The most accurate cell that is fast enough, and what a tighter limit costs.
set -euo pipefail
for limit in 20 15 10; do
  search -b nb201/cifar10 --maximize val_acc --subject-to "latency_ms<=$limit" --queries "${QUERIES:-96}" -q |
    jq -c --argjson limit $limit '{limit: $limit, val_acc, latency_ms, arch}'
done > limits.jsonl
cat limits.jsonl
