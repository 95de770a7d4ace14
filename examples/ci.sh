#!/usr/bin/env bash
# A job for continuous integration: fails when a surrogate's rank correlation falls below what it was.
set -euo pipefail
least=${LEAST:-0.5}
encode -q --space nb201 --random "${N:-100}" --seed 1 | query -q nb201/cifar10 > seen.jsonl
tau=$(predict -q --fit seen.jsonl --report < /dev/null 2>&1 | sed -n 's/.*Kendall tau \([-0-9.]*\).*/\1/p')
echo "Kendall tau $tau, at least $least wanted"
awk -v tau="$tau" -v least="$least" 'BEGIN { exit !(tau >= least) }'
