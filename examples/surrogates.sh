#!/usr/bin/env bash
# Which surrogate ranks architectures best, learned from few? By cross-validation.
set -euo pipefail
encode -q --space nb201 --random "${N:-100}" --seed 1 | query -q nb201/cifar10 > seen.jsonl
for surrogate in ${SURROGATES:-gp bayes xgb mlp}; do
  printf '%s\t' "$surrogate"
  predict -q --fit seen.jsonl --surrogate "$surrogate" --report < /dev/null 2>&1 | sed 's/^predict: //'
done
