import numpy as np
from scipy.stats import kstest

from agnet.seeds import keyed_uniform


def test_uniform_and_determined_by_its_key() -> None:
    keys = np.arange(20_000)
    values = keyed_uniform((3,), "test", keys)
    assert kstest(values, "uniform").pvalue > 1e-3
    order = np.random.default_rng(0).permutation(len(keys))
    np.testing.assert_array_equal(keyed_uniform((3,), "test", keys[order]), values[order])
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.05


def test_seed_and_purpose_matter() -> None:
    keys = np.arange(2000)
    streams = [keyed_uniform(seed, p, keys) for seed in ((0,), (0, 0), (1,)) for p in ("a", "b")]
    correlations = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    assert abs(correlations).max() < 0.1
