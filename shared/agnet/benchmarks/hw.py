"""HW-NAS-Bench: latency and energy of NAS-Bench-201's cells on six devices (Li et al., ICLR 2021)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.benchmarks import sources
from agnet.benchmarks.official.hw import COLUMNS, DATA_SETS, DEVICES
from agnet.benchmarks.tabular import KEY, Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric, direction
from agnet.spaces.nb201 import NB201

_TITLES = {
    "edgegpu": "NVIDIA Jetson TX2",
    "raspi4": "Raspberry Pi 4",
    "edgetpu": "Google Edge TPU",
    "pixel3": "Pixel 3",
    "eyeriss": "Eyeriss, an ASIC",
    "fpga": "Xilinx ZC706 FPGA",
}
_UNITS = {"latency": "ms", "energy": "mJ", "arithmetic_intensity": "1"}


def metrics_on(device: str, suffix: str, on: str = "") -> tuple[Metric, ...]:
    """What is known about a device, with ``suffix`` behind every name."""
    return tuple(
        Metric(
            f"{COLUMNS[metric]}{suffix}",
            _UNITS[metric],
            direction(COLUMNS[metric]),
            f"{metric.replace('_', ' ')} of one inference on {_TITLES[device]}{on}",
        )
        for metric in DEVICES[device]
    )


class Device(Tabular):
    """Cost of one inference of all 15,625 cells on one device."""

    space = "nb201"
    source = "imported from HW-NAS-Bench (MIT)"
    size = 15_625

    def __init__(self, device: str) -> None:
        self.name = f"hw/{device}"
        self.title = f"HW-NAS-Bench: NAS-Bench-201 cells on {_TITLES[device]}"
        self.metrics = metrics_on(device, "", " as a network for CIFAR-10")
        self.details = tuple(
            metric
            for data_set in DATA_SETS[1:]
            for metric in metrics_on(device, f"@{data_set}", f" as a network for {data_set}")
        )
        self._device = device

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing("hw")
        return f"{self.name} {todo}" if todo else None

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] index of each cell."""
        return NB201().index(graphs)

    def open(self) -> pa.Table:
        """The imported columns of this device."""
        table = sources.table("hw")
        if table is None:
            raise InputError(self.missing())
        columns = {KEY: table[KEY]}
        for name in table.column_names:
            data_set, _, measured = name.partition("/")
            metric, _, device = measured.partition("@")
            if device == self._device:
                columns[metric if data_set == DATA_SETS[0] else f"{metric}@{data_set}"] = table[name]
        return pa.table(columns)


edgegpu, raspi4, edgetpu, pixel3, eyeriss, fpga = (partial(Device, device) for device in DEVICES)
