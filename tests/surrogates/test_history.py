from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import pytest

from agnet import spaces
from agnet.errors import InputError, RecordError
from agnet.streams import Chunk, LinesChunk, TableChunk
from agnet.surrogates.history import examples, latents

_SPACE = spaces.get("nb201")
_ARCH = _SPACE.format(_SPACE.sample(4, np.random.default_rng(0))).to_pylist()


def _chunk(*records: dict[str, object]) -> Chunk:
    return LinesChunk.of(b"".join(orjson.dumps(record) + b"\n" for record in records))


def _record(n: int, /, **columns: object) -> dict[str, object]:
    return {"space": "nb201", "arch": _ARCH[n], **columns}


def test_values_by_metric_and_what_is_missing() -> None:
    seen = examples(
        [
            _chunk(_record(0, val_acc=0.5, latency_ms=3), _record(1, val_acc=None, latency_ms=2)),
            _chunk(_record(2, latency_ms=1)),
        ],
        ["latency_ms", "val_acc", "latency_ms"],
        name="seen",
    )
    np.testing.assert_array_equal(seen.y, [[3, 0.5], [2, np.nan], [1, np.nan]])
    assert seen.metrics == ["latency_ms", "val_acc"]
    assert _SPACE.format(seen.batch.graphs).to_pylist() == _ARCH[:3]


def test_tables() -> None:
    rows = [_record(n, val_acc=value) for n, value in enumerate([0.1, float("nan"), None, 0.3])]
    seen = examples([TableChunk(pa.Table.from_pylist(rows))], ["val_acc"], name="seen")
    np.testing.assert_array_equal(seen.y[:, 0], [0.1, np.nan, np.nan, 0.3])


def test_what_is_wrong_is_said() -> None:
    def message(*records: dict[str, object], metric: str = "val_acc") -> str:
        with pytest.raises(InputError) as error:
            examples([_chunk(*records)], [metric], name="seen.jsonl")
        return str(error.value)

    with pytest.raises(InputError, match=r"seen.jsonl: no records to learn from"):
        examples([], ["val_acc"], name="seen.jsonl")
    assert (
        message(_record(0, val_ac=1.0, n=2)) == "seen.jsonl: no record has the metric 'val_acc'; did you mean 'val_ac'?"
    )
    assert message(_record(0, n=2)) == "seen.jsonl: no record has the metric 'val_acc'; there are n"
    assert message(_record(0)) == "seen.jsonl: no record has 'val_acc'"
    assert message(_record(0, val_acc=None), _record(1)) == (
        "seen.jsonl: val_acc is null in every record, there is nothing to learn from"
    )
    assert "no record says its space" in message({"arch": _ARCH[0], "val_acc": 1.0})
    assert "no space is called 'nb999'" in message({"space": "nb999", "arch": "x", "val_acc": 1.0})


def test_the_wrong_record_is_named() -> None:
    with pytest.raises(RecordError, match=r":2: arch: an architecture of nb101, not of nb201"):
        examples([_chunk(_record(0, val_acc=1), {"space": "nb101", "arch": "x"})], ["val_acc"], name="seen")
    with pytest.raises(RecordError, match=r":1: val_acc: expected a number"):
        examples([_chunk(_record(0, val_acc="high"))], ["val_acc"], name="seen")


def test_latents() -> None:
    chunk = _chunk(
        {"latent": [1, 2.5]}, {}, {"latent": [1]}, {"latent": [1, None]}, {"latent": None}, {"latent": [3, 4]}
    )
    latent, problems = latents(chunk, 2)
    nan = np.nan
    np.testing.assert_array_equal(latent, [[1, 2.5], [nan, nan], [nan, nan], [nan, nan], [nan, nan], [3, 4]])
    assert sorted(problems) == [1, 2, 3, 4]
    assert problems[2] == "1 numbers, the generator's latents have 2"
    assert problems[3] == "not all numbers"


def test_only_records_with_a_latent_count_for_a_generator() -> None:
    chunk = _chunk(
        _record(0, val_acc=0.1), _record(1, val_acc=0.2, latent=[1, 2]), _record(2, val_acc=0.3, latent=[3, 4])
    )
    seen = examples([chunk], ["val_acc"], name="seen", latent_length=2)
    assert seen.y.tolist() == [[0.2], [0.3]]
    np.testing.assert_array_equal(seen.batch.latent, [[1, 2], [3, 4]])
    with pytest.raises(InputError, match=r"seen: no record has a latent of 3 numbers"):
        examples([chunk], ["val_acc"], name="seen", latent_length=3)
