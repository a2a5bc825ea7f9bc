import json

import keras
import numpy as np
import pytest

import kerasgen
from kerasgen import networks
from kerasgen.metrics import (
    Evaluator,
    FeatureExtractor,
    FrechetStatistics,
    Moments,
    density_coverage,
    fid,
    fid_of_moments,
    inception_score,
    kid,
    load_statistics,
    measures,
    precision_recall,
    save_statistics,
    sharpness,
    statistics,
)


@pytest.fixture(scope="module")
def extractor():
    keras.utils.set_random_seed(0)
    network = networks.classifier((8, 8, 1), num_classes=5, width=4, feature_dim=6)
    return FeatureExtractor(network, "features", "logits")


@pytest.fixture(scope="module")
def images():
    r = np.random.RandomState(0)
    real = r.randint(0, 256, (70, 8, 8, 1)).astype("uint8")
    return real, (real[:60] // 2 + r.randint(0, 99, (60, 8, 8, 1))).astype("uint8")


def all_metrics():
    return [
        "fid",
        measures.KID(subset_size=30, num_subsets=4),
        measures.InceptionScore(splits=3),
        "pr",
        "dc",
        "sharpness",
    ]


def test_every_score_equals_its_function(extractor, images):
    evaluator = Evaluator(extractor, all_metrics(), batch_size=16)
    evaluator.set_reference(images[0], name="test", dataset="noise")
    report = evaluator.evaluate(images[1], seed=3)
    (x, _), (y, logits) = extractor(images[0]), extractor(images[1])
    values = {name: score.value for name, score in report.scores.items()}
    precision, recall = precision_recall(x, y)
    density, coverage = density_coverage(x, y)
    expected = {
        "fid60_test": fid(x, y),
        "kid60_test": kid(x, y, 30, 4)[0],
        "is60_test": inception_score(logits, 3)[0],
        "precision60_test": precision,
        "recall60_test": recall,
        "density60_test": density,
        "coverage60_test": coverage,
        "sharpness_ratio60_test": sharpness(images[1]).mean()
        / sharpness(images[0]).mean(),
    }
    assert list(values) == list(expected)
    assert values == pytest.approx(expected, rel=1e-6)


def test_the_protocol_says_what_a_reader_needs(extractor, images):
    evaluator = Evaluator(extractor, all_metrics())
    evaluator.set_reference(images[0], name="test", dataset="noise")
    report = json.loads(json.dumps(evaluator.evaluate(images[1], seed=3).to_json()))
    protocol = report["protocol"]
    assert protocol["extractor_digest"] == extractor.digest
    assert protocol["num_reference"] == 70 and protocol["num_generated"] == 60
    assert (protocol["dataset"], protocol["seed"]) == ("noise", 3)
    assert protocol["resize"] == "clean"
    assert protocol["kerasgen_version"] == kerasgen.__version__
    assert protocol["backend"] == keras.backend.backend()
    kid_parameters = report["scores"]["kid60_test"]["parameters"]
    assert kid_parameters == {"subset_size": 30, "num_subsets": 4, "seed": 2020}
    assert report["scores"]["precision60_test"]["parameters"]["comparison"] == "<="


def test_digests_tell_samples_apart_whatever_the_batches(extractor, images):
    def digests(reference, samples, batch_size):
        evaluator = Evaluator(extractor, batch_size=batch_size)
        evaluator.set_reference(reference)
        protocol = evaluator.evaluate(samples).protocol
        return protocol["reference_sha256"], protocol["generated_sha256"]

    first = digests(*images, 16)
    assert first == digests(*images, 64)
    changed = images[1].copy()
    changed[-1, -1, -1] ^= 1
    assert digests(images[0], changed, 64)[0] == first[0]
    assert digests(images[0], changed, 64)[1] != first[1]


def test_a_protocol_does_not_overrule_what_was_measured(extractor, images):
    evaluator = Evaluator(extractor)
    with pytest.raises(ValueError, match=r"not taken. Received: \['resize'\]"):
        evaluator.set_reference(images[0], resize="none")
    evaluator.set_reference(images[0], split="test")
    for name in ("num_generated", "split"):
        with pytest.raises(ValueError, match=f"not taken. Received: .'{name}'"):
            evaluator.evaluate(images[1], **{name: 1})


def test_too_few_samples_are_refused_before_the_extractor_runs(extractor, images):
    class Unused:
        logits_layer = "logits"
        protocol = {}

    few = {"kid": 29, "is": 2, "pr": 3, "dc": 5, "fid": 1}
    for metric in all_metrics()[:5]:
        evaluator = Evaluator(Unused(), [metric])
        key = evaluator.metrics[0].key
        evaluator.check_num(few[key] + 1)
        with pytest.raises(ValueError, match=f"{few[key] + 1} generated samples"):
            evaluator.check_num(few[key])
        if key != "is":
            with pytest.raises(ValueError, match="reference samples.*Received"):
                evaluator.set_reference(images[0][: few[key]])


def test_one_pass_over_the_samples(extractor, images):
    calls = []

    class Counting:
        logits_layer = "logits"
        protocol = {}

        def __call__(self, batch, batch_size):
            calls.append(len(batch))
            return extractor(batch, batch_size)

    evaluator = Evaluator(Counting(), all_metrics(), batch_size=32)
    evaluator.set_reference(images[0])
    evaluator.evaluate(images[1][i : i + 20] for i in range(0, 60, 20))
    assert calls == [32, 32, 6, 20, 20, 20]


def test_fid_alone_keeps_no_features(extractor, images):
    evaluator = Evaluator(extractor, ["fid"])
    collected = evaluator.collect(images[0])
    assert not collected._parts["features"] and not collected._parts["logits"]
    assert collected.moments.dimension == 6


def test_a_count_of_thousands_is_short(images):
    x = np.random.RandomState(0).randn(2000, 2)
    evaluator = Evaluator(None, ["fid"])
    evaluator.set_reference(x, name="train")
    assert list(evaluator.evaluate(x).scores) == ["fid2k_train"]


def test_statistics_as_reference(extractor, images, tmp_path):
    x, y = extractor(images[0]).features, extractor(images[1]).features
    path = tmp_path / "a.npz"
    save_statistics(path, *statistics(x), 70, **extractor.protocol)
    evaluator = Evaluator(extractor, ["fid", measures.InceptionScore(splits=2)])
    evaluator.set_reference(load_statistics(path), name="test")
    report = evaluator.evaluate(images[1])
    assert report.scores["fid60_test"].value == pytest.approx(fid(x, y), rel=1e-6)
    assert report.protocol["verified"] is True


def test_statistics_of_another_extractor_are_refused(extractor, images):
    x = extractor(images[0]).features
    other = FrechetStatistics(*statistics(x), 70, {"extractor_digest": "0" * 64})
    with pytest.raises(ValueError, match="digest .* Received: digest 000"):
        Evaluator(extractor, ["fid"]).set_reference(other)
    with pytest.raises(ValueError, match="serves FID and IS only"):
        Evaluator(extractor, ["kid"]).set_reference(other)


def test_statistics_of_another_kind_are_refused(extractor):
    evaluator = Evaluator(extractor, ["fid"])
    x = np.random.RandomState(0).randn(70, 5)
    with pytest.raises(ValueError, match="statistics of 6 features.*Received: 5"):
        evaluator.set_reference(FrechetStatistics(*statistics(x), 70))
    x = np.random.RandomState(0).randn(70, 6)
    with pytest.raises(ValueError, match="ddof 1. Received: ddof 0"):
        evaluator.set_reference(FrechetStatistics(*statistics(x), 70, {"ddof": 0}))


def test_statistics_that_name_no_extractor_are_not_verified(extractor, images):
    x = extractor(images[0]).features
    evaluator = Evaluator(extractor, ["fid"])
    evaluator.set_reference(FrechetStatistics(*statistics(x), 70))
    assert evaluator.evaluate(images[1]).protocol["verified"] is False


@pytest.mark.parametrize("metric", ["fid", "pr"])
def test_a_constant_reference_is_refused_at_once(metric):
    with pytest.raises(ValueError, match="differ.*Received: 30"):
        Evaluator(None, [metric]).set_reference(np.full((30, 4), 0.1, "float32"))


def test_a_report_of_numpy_numbers_is_plain(extractor, images):
    evaluator = Evaluator(extractor, [measures.KID(np.int64(30), np.int64(2))])
    evaluator.set_reference(images[0])
    json.dumps(evaluator.evaluate(images[1]).to_json())


def test_a_saved_reference_scores_like_the_images(extractor, images, tmp_path):
    evaluator = Evaluator(extractor, ["fid"])
    with pytest.raises(ValueError, match="Expected a reference"):
        evaluator.save_reference(tmp_path / "a.npz")
    evaluator.set_reference(images[0], "test", dataset="noise")
    evaluator.save_reference(tmp_path / "a.npz", split="all")
    by_images = evaluator.evaluate(images[1])
    statistics = load_statistics(tmp_path / "a.npz")
    assert statistics.protocol["extractor_digest"] == extractor.digest
    evaluator.set_reference(statistics, "test")
    by_file = evaluator.evaluate(images[1])
    assert by_file.scores["fid60_test"].value == pytest.approx(
        by_images.scores["fid60_test"].value, rel=1e-9
    )
    about = by_file.protocol.pop("reference_protocol")
    assert by_file.protocol.pop("verified") is True
    assert (about["split"], about["dataset"], about["ddof"]) == ("all", "noise", 1)
    digest = by_images.protocol["reference_sha256"]
    assert about["reference_sha256"] == digest
    assert by_file.protocol.items() <= by_images.protocol.items()


def test_memorization_of_copies(extractor, images):
    train = extractor(images[1]).features
    evaluator = Evaluator(extractor, [measures.Memorization(train)])
    evaluator.set_reference(images[0], name="test")
    assert evaluator.evaluate(images[1]).scores["memorization60_test"].value == 1.0


class TestMoments:
    def test_batches_change_nothing(self):
        x = np.random.RandomState(0).randn(103, 7) + 1e3
        moments = Moments()
        for start in (0, 1, 3, 50):
            end = {0: 1, 1: 3, 3: 50, 50: 103}[start]
            moments.update(x[start:end])
        mu, sigma = statistics(x)
        np.testing.assert_allclose(moments.mu, mu, rtol=1e-13)
        np.testing.assert_allclose(moments.sigma, sigma, atol=1e-12)
        assert moments.factor is None

    @pytest.mark.parametrize("sizes", [(5, 4), (5, 40), (40, 5), (40, 30)])
    def test_distance_equals_fid(self, sizes):
        x, y = (np.random.RandomState(n).randn(n, 8) for n in sizes)
        moments = Moments(), Moments()
        for item, rows in zip(moments, (x, y), strict=True):
            item.update(rows)
        assert fid_of_moments(*moments) == pytest.approx(fid(x, y), rel=1e-9)

    def test_another_width_is_refused(self):
        moments = Moments()
        moments.update(np.zeros((2, 3)))
        with pytest.raises(ValueError, match="3 columns.*Received"):
            moments.update(np.zeros((2, 4)))

    def test_one_sample_is_refused(self):
        a, b = Moments(), Moments()
        a.update(np.zeros((1, 3)))
        b.update(np.zeros((5, 3)))
        with pytest.raises(ValueError, match="real must have at least 2 rows"):
            fid_of_moments(a, b)


def test_a_buffer_that_is_filled_anew_changes_nothing():
    x = np.random.RandomState(0).randn(40, 50).astype("float32")

    def batches():
        buffer = np.empty((10, 50), "float32")
        for start in range(0, 40, 10):
            buffer[:] = x[start : start + 10]
            yield buffer

    evaluator = Evaluator(None, ["fid", "pr"])
    evaluator.set_reference(x, "test")
    report = evaluator.evaluate(batches())
    assert report.scores["fid40_test"].value == pytest.approx(0.0, abs=1e-9)
    assert report.scores["precision40_test"].value == 1.0


def test_constant_reference_images_have_no_sharpness(extractor, images):
    evaluator = Evaluator(extractor, ["sharpness"])
    evaluator.set_reference(np.zeros((4, 8, 8, 1), "uint8"))
    with pytest.raises(ValueError, match="not all constant.*Received"):
        evaluator.evaluate(images[0])


def test_bad_arguments(extractor, images):
    twice = [measures.KID(20), measures.KID(30)]
    with pytest.raises(ValueError, match="different names. Received"):
        Evaluator(extractor, twice)
    with pytest.raises(ValueError, match="one of the metrics.*Received: 'fud'"):
        Evaluator(extractor, ["fud"])
    with pytest.raises(ValueError, match="at least one metric"):
        Evaluator(extractor, [])
    with pytest.raises(ValueError, match="logits_layer"):
        Evaluator(None, ["is"])
    evaluator = Evaluator(extractor, ["fid"])
    with pytest.raises(ValueError, match="set_reference"):
        evaluator.evaluate(images[0])
    with pytest.raises(ValueError, match="Received: none"):
        evaluator.set_reference(iter(()))
    with pytest.raises(TypeError, match="uint8"):
        evaluator.set_reference(images[0].astype("float32"))
