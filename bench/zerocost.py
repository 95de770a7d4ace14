"""Zero-cost proxies beside the published ones: ``python -m bench.zerocost FILE [--cells N] [--proxies NAME,...] ...``.

FILE is NASLib's table of published scores as Parquet: space, dataset, arch, and a column for each proxy. For a random
sample of cells of each space prints the rank correlations of ours, on noise, with the published scores, which were
computed on CIFAR-10, and of both with the accuracy.

``python -m bench zerocost`` compares the time of the neural tangent kernel with that of a loop of backward passes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from scipy.stats import kendalltau, spearmanr

from agnet import benchmarks, networks, spaces
from agnet.proxies import kernel, prepare

from .measure import Row, compare

PUBLISHED = {
    "params_m": "params", "flops_m": "flops", "naswot": "nwot", "synflow": "synflow", "jacov": "jacov",
    "grad_norm": "grad_norm", "snip": "snip", "fisher": "fisher", "grasp": "grasp", "ntk": None, "regions": None,
}  # fmt: skip
SPACES = ("nb201", "nb301")


def rows() -> Iterator[Row]:
    """The kernel of 24 images: all gradients as one, and one after the other."""
    torch.set_num_threads(1)
    # where images are large, both are busy with the same arithmetic
    for name, preset, changes, limit in (
        ("nb201", "cifar10", {"channels": 1}, 1.2),
        ("nb301", "cifar10-naslib", {"channels": 2}, 1.2),
        ("nb301", "imagenet", {"channels": 2, "image": 64, "auxiliary": False}, 0.7),
    ):
        space = spaces.get(name)
        settings = networks.settings(space, preset, **changes)
        graphs = space.sample(1, np.random.default_rng(1))
        network = prepare.ready(space, graphs, settings, 0).double()
        images = torch.randn(24, 3, settings.image, settings.image, dtype=torch.float64)  # type: ignore[attr-defined]
        work = f"ntk of {name} ({preset}), 24 images"
        yield compare(
            work,
            lambda network=network, images=images: kernel.gram(network, images),
            "a loop of backward passes",
            lambda network=network, images=images: loop(network, images),
            limit=limit,
            turns=3,
        )


def loop(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """[n, n] the same kernel, one backward pass an image."""
    weights = [value for name, value in network.named_parameters() if "weight" in name]
    outputs = network(images).sum(dim=1)
    gradients = []
    for output in outputs:
        found = torch.autograd.grad(output, weights, retain_graph=True, allow_unused=True)
        gradients.append(torch.cat([each.flatten() for each in found if each is not None]))
    stacked = torch.stack(gradients)
    return stacked @ stacked.T


def agreement(path: Path, names: list[str], cells: int, seeds: int, proxies: list[str]) -> Iterator[str]:
    """The table, a line at a time."""
    torch.set_num_threads(1)
    yield "| space | proxy | cells | Spearman | Kendall | Spearman with accuracy: ours | published | s a cell |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        table = pq.read_table(path, filters=[("space", "==", name), ("dataset", "==", "cifar10")])
        table = table.take(np.random.default_rng(0).permutation(len(table))[:cells])
        graphs = spaces.get(name).parse(table["arch"].combine_chunks()).graphs
        accuracy = table["val_accuracy"].to_numpy()
        for proxy in proxies:
            column = PUBLISHED[proxy]
            options = {"proxies": proxy, "seeds": str(seeds)}
            started = time.process_time()
            ours = benchmarks.load("zerocost", space=name, options=options).query(graphs).columns[proxy]
            seconds = (time.process_time() - started) / len(graphs)
            sign = -1 if proxy == "ntk" else 1
            theirs = table[column].to_numpy() if column else np.full(len(graphs), np.nan)
            parts = [
                _ranks(spearmanr, ours, theirs), _ranks(kendalltau, ours, theirs),
                _ranks(spearmanr, sign * ours, accuracy), _ranks(spearmanr, theirs, accuracy),
            ]  # fmt: skip
            yield f"| {name} | {proxy} | {np.isfinite(ours).sum()} | {' | '.join(parts)} | {seconds:.2f} |"


def _ranks(statistic: object, a: np.ndarray, b: np.ndarray) -> str:
    """A correlation of ranks; what is not finite is the worst, as NASLib has it."""
    if np.isnan(a).all() or np.isnan(b).all():
        return ""
    a, b = (np.where(np.isfinite(values), values, -1e30) for values in (a, b))
    return f"{statistic(a, b)[0]:.3f}"  # type: ignore[operator]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--spaces", default=",".join(SPACES))
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--proxies", default=",".join(PUBLISHED))
    args = parser.parse_args()
    for line in agreement(args.file, args.spaces.split(","), args.cells, args.seeds, args.proxies.split(",")):
        print(line, flush=True)


if __name__ == "__main__":
    main()
