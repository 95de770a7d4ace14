#!/usr/bin/env bash
# AG-Net's search of NAS-Bench-201 with the paper's settings, beside random search.
# TRIALS and QUERIES make it longer or shorter; everything is written into the current folder.
set -euo pipefail
search --preset agnet-nb201 --queries "${QUERIES:-192}" --trials "${TRIALS:-10}" -o agnet.jsonl > best.jsonl
search -b nb201/cifar10 --strategy random --queries "${QUERIES:-192}" --trials "${TRIALS:-10}" -o random.jsonl > /dev/null
plot curve agnet.jsonl random.jsonl --benchmark nb201/cifar10 -o curve.svg
