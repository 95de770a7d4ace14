#!/usr/bin/env bash
# Search NAS-Bench-201 on its real training results, and see how far the found cell is from the best there is.
# Run by `make demo`; needs the tools on the PATH. Everything it makes goes into the folder demo.
set -euo pipefail
trials=${TRIALS:-8} queries=${QUERIES:-192}
mkdir -p demo

echo "== The whole space with its real results: 15,625 cells, trained on CIFAR-10 (for comparison; a search sees $queries)"
encode --space nb201 --all | query nb201/cifar10 -o demo/all.parquet

echo "== Searches of $queries queries each: the default strategy, AG-Net's loop, random search"
search -b nb201/cifar10 --trials $trials --queries $queries -o demo/bayesian.jsonl > demo/best.jsonl
search -b nb201/cifar10 --strategy agnet --trials $(((trials + 3) / 4)) --queries $queries -o demo/agnet.jsonl >> demo/best.jsonl
search -b nb201/cifar10 --strategy random --trials $trials --queries $queries -o demo/random.jsonl > /dev/null

echo "== Pictures: the curves, the space with the cells that one search asked for, the best cell"
plot curve demo/bayesian.jsonl demo/agnet.jsonl demo/random.jsonl --benchmark nb201/cifar10 -o demo/curve.png
head -n $queries demo/bayesian.jsonl > demo/bayesian-1.jsonl
plot distribution demo/all.parquet --mark demo/bayesian-1.jsonl -o demo/found.png
plot cells demo/best.jsonl --top 1 -o demo/cell.png

echo "== The best cell: drawn, and what it reaches on the other data sets"
plot cells demo/best.jsonl --top 1 --format text
for data in cifar10 cifar100 ImageNet16-120; do
  head -n 1 demo/best.jsonl | query nb201/$data --metrics val_acc -q | sed "s/.*\"val_acc\":\(0.[0-9]\{4\}\).*/  $data: validation accuracy \1/"
done
echo "Look at demo/curve.png, demo/found.png and demo/cell.png."
