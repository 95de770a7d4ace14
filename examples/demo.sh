#!/usr/bin/env bash
# Search NAS-Bench-201 on its real training results, and see how far the found cell is from the best there is.
# Run by `make demo`; needs the tools on the PATH. Everything it makes goes into demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p demo

echo "== The whole space with its real results: 15,625 cells, trained on CIFAR-10 (for comparison; a search sees 192)"
encode --space nb201 --all | query nb201/cifar10 -o demo/all.parquet

echo "== Four searches of 192 queries each, AG-Net's loop and random search"
search -b nb201/cifar10 --strategy agnet --trials 4 -o demo/agnet.jsonl > demo/best.jsonl
search -b nb201/cifar10 --strategy random --trials 4 -o demo/random.jsonl > /dev/null

echo "== Pictures: the curve, the space with the found cells marked, the best cells"
plot curve demo/agnet.jsonl demo/random.jsonl --benchmark nb201/cifar10 -o demo/curve.png
plot distribution demo/all.parquet --mark demo/agnet.jsonl -o demo/found.png
plot cells demo/best.jsonl --top 2 -o demo/cells.png

echo "== The best cells"
jq -r '"\(.val_acc)  \(.arch)"' demo/best.jsonl 2>/dev/null || cat demo/best.jsonl
echo "Look at demo/curve.png, demo/found.png and demo/cells.png."
