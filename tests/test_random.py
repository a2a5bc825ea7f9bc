import threading

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from kerasgen import backend, random, seeds
from tests import noise_oracle

ROWS = np.array([0, 1, 2, 3, 1000, 2**31 - 1], np.int32)


def to_words(tensor):
    return ops.convert_to_numpy(tensor).view(np.uint32)


def to_tensor(word):
    return ops.convert_to_tensor(seeds.seed_word(word))


def compile_with_xla(fn):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("XLA on TensorFlow only")
    tf = pytest.importorskip("tensorflow")
    return tf.function(fn, jit_compile=True, autograph=False)


def compile_as_models_do(fn):
    return backend.compiled(fn, keras.Sequential())


RUNNERS = {
    "eager": lambda fn: fn,
    "compiled": compile_as_models_do,
    "xla": compile_with_xla,
}


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1,) * 2, (2**32 - 1,) * 2, (0x1CB996FC, 0xBB002BE7)),
        (
            (0x13198A2E, 0x03707344),
            (0x243F6A88, 0x85A308D3),
            (0xC4923A9C, 0x483DF7A0),
        ),
    ],
)
def test_cipher_gives_the_known_answers_of_random123(key, counter, expected):
    tensors = [[to_tensor(word) for word in pair] for pair in (key, counter)]
    ours = [int(to_words(word)) for word in random.threefry(*tensors)]
    oracle = noise_oracle.threefry(key, [[word] for word in counter])
    assert ours == list(expected)
    assert [int(word[0]) for word in oracle] == list(expected)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the cipher of JAX")
def test_cipher_equals_that_of_jax():
    from jax.extend.random import threefry_2x32

    counter = np.random.RandomState(0).randint(0, 2**32, 64, dtype=np.uint32)
    key = np.array([0x9E3779B9, 0x12345678], np.uint32)
    pair = ops.reshape(ops.convert_to_tensor(counter.view(np.int32)), (2, 32))
    ours = random.threefry(ops.convert_to_tensor(key.view(np.int32)), pair)
    theirs = np.asarray(threefry_2x32(key, counter))
    np.testing.assert_array_equal(np.concatenate([to_words(w) for w in ours]), theirs)


def test_bits_are_golden():
    key = random.key(7, "latent", step=3, substep=1)
    assert [hex(word) for word in to_words(key)] == ["0x8c6df3c1", "0xb86d0495"]
    assert [
        [hex(word) for word in row] for row in to_words(random.bits(key, [0, 5], 3))
    ] == [
        ["0x87f1d5c5", "0xbe97af6a", "0x60420159"],
        ["0x75484811", "0xb4686cc1", "0x8df2f9eb"],
    ]
    largest = random.key(2**32 - 1, "", step=-1)
    assert [hex(word) for word in to_words(largest)] == ["0xea377221", "0xb5b2a29f"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_draws_equal_numpy_eagerly_and_compiled(runner):
    laps = np.array([0, 1, 0, 1, 2, 3], np.int32)

    def draw(seed, step, rows, laps):
        key = random.key(seed, "latent", step, 2)
        return (
            key,
            random.bits(key, rows, 7, laps),
            random.uniform(key, rows, (3, 3), laps),
            random.normal(key, rows, (5, 1), laps),
        )

    seed, step = 0xFEDCBA98, 123456
    args = [seeds.seed_word(seed), np.int32(step), ROWS, laps]
    got = RUNNERS[runner](draw)(*map(ops.convert_to_tensor, args))
    key, bits, uniform, normal = map(ops.convert_to_numpy, got)
    expected = noise_oracle.key(seed, "latent", step, 2)
    np.testing.assert_array_equal(key.view(np.uint32), expected)
    np.testing.assert_array_equal(
        bits.view(np.uint32), noise_oracle.bits(expected, ROWS, 7, laps)
    )
    assert uniform.dtype == normal.dtype == np.float32
    np.testing.assert_array_equal(
        uniform, noise_oracle.uniform(expected, ROWS, (3, 3), laps)
    )
    np.testing.assert_allclose(
        normal, noise_oracle.normal(expected, ROWS, (5, 1), laps), rtol=0, atol=2e-6
    )


def test_python_integers_and_tensors_give_the_same_key():
    from_integers = random.key(2**32 - 5, "a", 9, 4)
    from_tensors = random.key(to_tensor(2**32 - 5), "a", to_tensor(9), to_tensor(4))
    np.testing.assert_array_equal(to_words(from_integers), to_words(from_tensors))


def test_batch_size_and_row_shape_may_be_unknown_to_a_graph():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces unknown sizes")
    tf = pytest.importorskip("tensorflow")
    spec = [tf.TensorSpec([None], "int32"), tf.TensorSpec([None, None], "float32")]

    @tf.function(input_signature=spec, autograph=False)
    def draw(rows, like):
        key = random.key(1, "z")
        return random.normal(key, rows, (3,)), random.uniform(
            key, rows, (ops.shape(like)[1],)
        )

    normal, uniform = draw(ROWS, np.zeros((1, 5), np.float32))
    key = noise_oracle.key(1, "z")
    np.testing.assert_allclose(
        normal, noise_oracle.normal(key, ROWS, (3,)), rtol=0, atol=2e-6
    )
    np.testing.assert_array_equal(uniform, noise_oracle.uniform(key, ROWS, (5,)))


def test_uniform_and_normal_follow_their_distributions():
    @compile_as_models_do
    def draw(rows):
        key = random.key(0, "statistics")
        return random.uniform(key, rows, (200,)), random.normal(key, rows, (200,))

    uniform, normal = map(ops.convert_to_numpy, draw(ops.arange(500, dtype="int32")))
    assert 0.0 <= uniform.min() < 1e-4 and 1.0 - 1e-4 < uniform.max() < 1.0
    count = uniform.size
    # Five standard errors of each statistic.
    assert abs(uniform.mean() - 0.5) < 5 * np.sqrt(1 / 12 / count)
    assert abs(uniform.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / count)
    assert abs(normal.mean()) < 5 / np.sqrt(count)
    assert abs(normal.var() - 1.0) < 5 * np.sqrt(2 / count)
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(normal.ravel(), "norm").pvalue > 1e-3
    # Neighbours along a row and along a column are uncorrelated.
    for a, b in (
        (normal[:, 1:], normal[:, :-1]),
        (normal[:, 1:] ** 2, normal[:, :-1] ** 2),
        (normal[1:], normal[:-1]),
    ):
        correlation = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(a.size)


def test_the_ends_of_the_range_of_words_give_finite_normals(monkeypatch):
    ends = np.array([[[0, -1, 255, -256]], [[0, -1, -1, 0]]], np.int32)
    monkeypatch.setattr(random, "threefry", lambda *_: ends)
    key = ops.convert_to_tensor(np.zeros(2, np.int32))
    normal = ops.convert_to_numpy(random.normal(key, [0], (8,)))
    assert np.all(np.isfinite(normal))
    assert 5.7 < np.abs(normal).max() < 5.8
    uniform = ops.convert_to_numpy(random.uniform(key, [0], (8,)))
    assert uniform.min() == 0.0 and uniform.max() == 1.0 - 2.0**-24


def test_no_two_draws_share_numbers():
    rows = np.arange(32, dtype=np.int32)
    keys = [
        random.key(seed, stream, step, substep)
        for seed in (0, 1)
        for stream in ("a", "b")
        for step in (0, 1, 2)
        for substep in (0, 1, 2)
    ]
    draws = [to_words(random.bits(key, rows, 16)) for key in keys]
    # Chance makes 0.04 of 18432 words equal; one shared draw would make 512.
    words = np.concatenate(draws).ravel()
    assert words.size - np.unique(words).size < 3


def test_replicas_draw_what_one_device_draws():
    @compile_as_models_do
    def draw(rows):
        noise = random.Noise(5, 17, np.arange(3, dtype=np.int32)).of_rows(rows)
        return noise.normal("latent", (7,)), noise.uniform("mix", (7,), substep=3)

    rows = np.arange(12, dtype=np.int32)
    whole = draw(ops.convert_to_tensor(rows))
    parts = [draw(ops.convert_to_tensor(part)) for part in rows.reshape(3, 4)]
    normals, uniforms = (
        np.concatenate([ops.convert_to_numpy(part) for part in kind])
        for kind in zip(*parts, strict=True)
    )
    # Vectorised functions may differ in the last bit from those of a loop's rest.
    np.testing.assert_allclose(
        normals, ops.convert_to_numpy(whole[0]), rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(uniforms, ops.convert_to_numpy(whole[1]))
    expected = noise_oracle.uniform(noise_oracle.key(5, "mix", 17, 3), rows, (7,))
    np.testing.assert_array_equal(uniforms, expected)
    expected = noise_oracle.normal(noise_oracle.key(5, "latent", 17), rows, (7,))
    np.testing.assert_allclose(normals, expected, rtol=0, atol=2e-6)


def test_rows_count_from_zero_outside_a_scope():
    rows, laps = map(ops.convert_to_numpy, random.current_rows(4))
    assert rows.tolist() == [0, 1, 2, 3] and laps.tolist() == [0, 0, 0, 0]


def test_scopes_nest_and_end_after_an_error():
    with random.row_scope(np.array([7, 9, 8], np.int32)):
        rows, laps = map(ops.convert_to_numpy, random.current_rows(7))
        with pytest.raises(RuntimeError), random.row_scope(np.zeros(1, np.int32)):
            inner, _ = random.current_rows(2)
            assert ops.convert_to_numpy(inner).tolist() == [0, 0]
            raise RuntimeError
        outer, _ = random.current_rows(2)
        assert ops.convert_to_numpy(outer).tolist() == [7, 9]
    assert rows.tolist() == [7, 9, 8, 7, 9, 8, 7]
    assert laps.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert ops.convert_to_numpy(random.current_rows(2)[0]).tolist() == [0, 1]


def test_scopes_of_threads_are_apart():
    seen = []
    with random.row_scope(np.array([5], np.int32)):
        thread = threading.Thread(
            target=lambda: seen.append(ops.convert_to_numpy(random.current_rows(1)[0]))
        )
        thread.start()
        thread.join()
    assert seen[0].tolist() == [0]


@pytest.mark.parametrize("num", [1, 9])
def test_laps_never_repeat_numbers(num):
    @compile_as_models_do
    def draw(rows):
        key = random.key(0, "layer")
        with random.row_scope(rows):
            all_rows, laps = random.current_rows(32)
        return random.bits(key, rows, num), random.bits(key, all_rows, num, laps)

    one_lap, words = map(to_words, draw(ops.arange(8, dtype="int32")))
    assert np.unique(words).size == words.size
    np.testing.assert_array_equal(words[:8], one_lap)


@pytest.mark.parametrize("seed", [-1, 2**32, True, 0.5, "0", None])
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match=r"Received: seed="):
        seeds.check_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**32, True])
def test_a_key_checks_python_seeds(seed):
    with pytest.raises(ValueError, match=r"Received: seed="):
        random.key(seed)


def test_fresh_seeds_follow_set_random_seed():
    keras.utils.set_random_seed(3)
    first = [seeds.make_seed() for _ in range(3)]
    keras.utils.set_random_seed(3)
    assert [seeds.make_seed() for _ in range(3)] == first
    assert len(set(first)) == 3
    assert all(seeds.check_seed(seed) == seed for seed in first)


def test_stream_ids_are_signed_crc32():
    assert random.stream_id("") == 0
    assert random.stream_id("latent") == 1827798387
    assert random.stream_id("a") == 0xE8B7BE43 - 2**32
    assert random.stream_id("é") == 0x0E048D3E
