"""The benchmark of the input pipeline: its sources, its steps and its tables."""

import keras
import numpy as np
import pytest

from kerasgen.datasets import mapped_file
from training.benchmarks import input_memory, input_pipeline
from training.benchmarks.input_sources import make_sources

IMAGES = np.random.default_rng(0).integers(0, 256, (24, 28, 28, 1), np.uint8)


@pytest.fixture
def tiny(monkeypatch):
    for module in (input_pipeline, input_memory):
        monkeypatch.setattr(module, "BATCH_SIZE", 8)
    monkeypatch.setattr(input_pipeline, "WARM_UP", 1)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("torch")
    return make_sources(IMAGES, 8, tmp_path_factory.mktemp("files"))


def images_of(source):
    model = input_pipeline.make_model(filters=2)
    steps = input_pipeline.feed_of(model, source).steps()
    return sorted(image.tobytes() for step in steps for image in step.shares[0][0])


@pytest.mark.eager
def test_every_adapter_gives_the_same_images(sources):
    expected = sorted(image.tobytes() for image in IMAGES)
    for name, source in sources.items():
        assert images_of(source) == expected, name


def test_the_bare_step_trains_as_fit_does(sources, tiny):
    model = input_pipeline.make_model(filters=2)
    feed = input_pipeline.feed_of(model, sources["array"])
    assert input_pipeline.bare_seconds(model, feed, 3) > 0
    assert int(keras.ops.convert_to_numpy(model.training_steps)) == 3
    assert input_pipeline.fit_seconds(model, sources["memmap"]) > 0
    assert int(keras.ops.convert_to_numpy(model.training_steps)) == 6


@pytest.mark.eager
def test_a_run_makes_both_tables(sources, tiny, monkeypatch, tmp_path):
    few = {name: sources[name] for name in ("array", "memmap")}
    rows = input_pipeline.measure_throughput(few, filters=2, num_steps=3, rounds=1)
    assert [row["source"] for row in rows] == ["bare step", "array", "memmap"]
    model = input_pipeline.make_model(filters=2)
    run = input_memory.measure_memory(model, sources["memmap"], num_steps=6)
    assert run["steps"] == 6 and len(run["anonymous"]) == len(run["resident"]) == 6
    assert 10 < run["anonymous"][-1] <= run["resident"][-1]
    monkeypatch.setattr(mapped_file, "memory_bytes", lambda: 1_000_000)
    large = input_memory.measure_large(model, 3, tmp_path / "large.npy")
    assert large["steps"] == 3 and large["memory_gb"] < 0.01
    # Three in training, then one of each hundredth of what is read.
    assert len(large["anonymous"]) > 90
    done = {"torch": {"throughput": rows, "memory": {"memmap": run}}}
    page = input_pipeline.render(done)
    assert f"| torch | array | {rows[1]['images_per_second']} |" in page
    assert "| torch | memmap | 6 |" in page
    monkeypatch.setattr(input_pipeline, "PICTURE", tmp_path / "picture.png")
    input_pipeline.draw(done)
    assert (tmp_path / "picture.png").is_file()


@pytest.mark.eager
def test_growth_is_from_the_third_tenth_to_the_last():
    samples = [500.0] * 20 + [100.0] * 70 + [103.0] * 10
    assert input_memory.growth(samples) == 3.0
