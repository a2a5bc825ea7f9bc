"""Contracts that every instance of a kind keeps; one function for each kind."""

import inspect
import json

import keras
import numpy as np
import pytest
from keras import ops

from kerasgen import backend


def check_layer(
    make_layer,
    input_shape,
    output_shape,
    tmp_path,
    num_categories=None,
    has_mixed_precision=True,
    surround=lambda layer: [layer],
):
    """Checks what every layer of `kerasgen.layers` promises.

    Args:
        make_layer: Function without arguments that returns a new layer. No argument
            of its constructor, `name` and `trainable` aside, has its default value.
        input_shape: Shape of one sample; a list of shapes for a list of inputs.
        output_shape: Shape of one sample's output.
        tmp_path: Folder for a `.keras` file.
        num_categories: Where given, inputs are int32 in [0, num_categories). For a
            list of inputs, a list of integers, and None for those that are float.
        has_mixed_precision: Whether outputs take the compute dtype of a policy.
        surround: Function of the layer that returns the list of layers to run in its
            place, for a layer that needs others around it.
    """
    draw = np.random.RandomState(0)
    is_list = isinstance(input_shape, list)
    shapes = input_shape if is_list else [input_shape]
    categories = num_categories if is_list else [num_categories]

    def sample(batch_size):
        arrays = [
            draw.standard_normal((batch_size, *shape)).astype("float32")
            if num is None
            else draw.randint(0, num, (batch_size, *shape)).astype("int32")
            for shape, num in zip(shapes, categories, strict=True)
        ]
        return arrays if is_list else arrays[0]

    def make_model():
        inputs = [
            keras.Input(shape, dtype="float32" if num is None else "int32")
            for shape, num in zip(shapes, categories, strict=True)
        ]
        outputs = inputs if is_list else inputs[0]
        for layer in surround(make_layer()):
            outputs = layer(outputs)
        assert tuple(outputs.shape) == (None, *output_shape)
        return keras.Model(inputs if is_list else inputs[0], outputs)

    _check_shapes_and_dtype(make_model(), sample, output_shape)
    if has_mixed_precision:
        _check_mixed_precision(make_model, sample)
    _check_gradients(make_model(), sample(3))
    _check_config(make_layer)
    _check_saving(make_model(), sample(3), tmp_path / "model.keras")


def _check_shapes_and_dtype(model, sample, output_shape):
    x = sample(3)
    for training in (True, False):
        y = model(x, training=training)
        assert tuple(y.shape) == (3, *output_shape)
        assert keras.backend.standardize_dtype(y.dtype) == "float32"
    shape = [np.shape(a) for a in x] if isinstance(x, list) else np.shape(x)
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            shape = layer.compute_output_shape(shape)
    assert tuple(shape) == tuple(y.shape)
    compiled = model.predict(x, verbose=0)
    np.testing.assert_allclose(compiled, ops.convert_to_numpy(y), atol=1e-6)
    assert model.predict(sample(1), verbose=0).shape == (1, *output_shape)


def _check_mixed_precision(make_model, sample):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model()
        y = model(sample(3), training=True)
        assert keras.backend.standardize_dtype(model.outputs[0].dtype) == "bfloat16"
    finally:
        keras.config.set_dtype_policy(policy)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert np.all(np.isfinite(ops.convert_to_numpy(ops.cast(y, "float32"))))
    assert {v.dtype for v in model.variables} <= {"float32", "int32"}


def _check_gradients(model, x):
    target = np.random.RandomState(1).standard_normal((3, *model.output_shape[1:]))
    target = ops.convert_to_tensor(target, dtype="float32")

    def loss():
        return ops.mean(ops.square(model(x, training=True) - target)), ()

    variables = model.trainable_variables
    if not variables:
        return
    _, gradients = backend.value_and_grad(loss, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        values = ops.convert_to_numpy(gradient)
        assert values.shape == tuple(variable.shape)
        assert np.all(np.isfinite(values)), variable.path
        assert np.any(values != 0), variable.path


def _check_config(make_layer):
    layer = make_layer()
    config = layer.get_config()
    for name, parameter in inspect.signature(type(layer)).parameters.items():
        if parameter.kind != parameter.VAR_KEYWORD:
            assert name in config
        has_default = parameter.default is not parameter.empty
        if has_default and name not in ("name", "trainable"):
            assert getattr(layer, name) != parameter.default, f"{name} is the default"
    copy = type(layer).from_config(dict(config))
    assert copy.get_config() == config
    assert config["name"] == layer.name


def _check_saving(model, x, path):
    model(x, training=True)
    model.save(path)
    loaded = keras.models.load_model(path)
    assert len(loaded.variables) == len(model.variables)
    for ours, theirs in zip(model.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(ours.value), ops.convert_to_numpy(theirs.value)
        )
    for training in (False, True):
        np.testing.assert_array_equal(
            ops.convert_to_numpy(model(x, training=training)),
            ops.convert_to_numpy(loaded(x, training=training)),
        )


def check_model(make_model, x, tmp_path, left_as_default=(), outputs=None):
    """Checks what every `GenerativeModel` promises.

    Args:
        make_model: Function without arguments that returns a new compiled model. No
            argument of its constructor has its default value.
        x: Data to train on, two batches of `fit` or more.
        tmp_path: Folder for a `.keras` file.
        left_as_default: Names of arguments that another test covers.
        outputs: Function of the model that returns an array to compare, for a model
            that does not generate.
    """
    model = make_model()
    check_model_config(model, left_as_default)
    _check_evaluation(model, x)
    if outputs is None:
        check_generation(model)
    model.summary(print_fn=lambda line, line_break=True: None)
    outputs = outputs or (lambda model: model.generate(4, seed=1))
    _check_model_saving(model, x, tmp_path / "model.keras", outputs)


def state_of(model):
    """Every variable of model, optimizers and metrics, as NumPy arrays."""
    metrics = [v for tracker in model.trackers.values() for v in tracker.variables]
    variables = [*model.variables, *model.optimizer.variables, *metrics]
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def assert_equal_states(a, b):
    """Bit-equal lists of arrays."""
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def check_model_config(model, left_as_default=()):
    """Checks that a config and its JSON make an equal model."""
    config = model.get_config()
    for name, parameter in inspect.signature(type(model)).parameters.items():
        assert name in config
        has_default = parameter.default is not parameter.empty
        if has_default and name not in left_as_default:
            assert config[name] != parameter.default, f"{name} is the default"
    plain = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    for copy in (
        type(model).from_config(model.get_config()),
        keras.saving.deserialize_keras_object(plain),
    ):
        assert type(copy) is type(model)
        # As JSON, which has no tuples.
        assert json.dumps(copy.get_config()) == json.dumps(config)
        shapes = [[(v.name, v.shape) for v in m.variables] for m in (model, copy)]
        assert shapes[0] == shapes[1]


def _check_evaluation(model, x):
    model.fit(x, batch_size=8, verbose=0)
    before = state_of(model)[: -2 * len(model.trackers)]
    terms = model.evaluate(x, batch_size=8, verbose=0, return_dict=True)
    assert set(terms) == set(model.evaluation_terms)
    assert all(np.isfinite(value) for value in terms.values())
    assert_equal_states(before, state_of(model)[: -2 * len(model.trackers)])
    values = model.evaluate(x, batch_size=8, verbose=0)
    assert values == [terms[name] for name in model.evaluation_terms]
    on_batch = model.test_on_batch(x[:8], return_dict=True)
    assert set(on_batch) == set(terms)
    assert_equal_states(before, state_of(model)[: -2 * len(model.trackers)])


def check_generation(model):
    """Checks that draws follow their seed, and what is refused."""
    samples = model.generate(5, seed=3)
    assert samples.shape == (5, *model.data_shape)
    assert samples.dtype == ("uint8" if len(model.data_shape) == 3 else "float32")
    np.testing.assert_array_equal(samples, model.generate(5, seed=3))
    in_parts = model.generate(5, seed=3, batch_size=2)
    np.testing.assert_allclose(samples.astype(float), in_parts.astype(float), atol=1)
    assert not np.array_equal(samples, model.generate(5, seed=4))
    assert not np.array_equal(model.generate(5), model.generate(5))
    assert not np.array_equal(samples, model.generate(5, seed=3, temperature=0.5))
    for arguments in (
        {"num_samples": 0},
        {"num_samples": 2.0},
        {"num_samples": 1, "seed": -1},
        {"num_samples": 1, "seed": 2**32},
        {"num_samples": 1, "temperature": 0.0},
        {"num_samples": 1, "temperature": np.nan},
        {"num_samples": 1, "batch_size": 0},
        {"num_samples": 1, "labels": [0]},
    ):
        with pytest.raises(ValueError, match="Received: "):
            model.generate(**arguments)


def _check_model_saving(model, x, path, outputs):
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert type(loaded) is type(model)
    trackers = 2 * len(model.trackers)
    assert_equal_states(state_of(model)[:-trackers], state_of(loaded)[:-trackers])
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    np.testing.assert_array_equal(outputs(loaded), outputs(model))
    histories = [m.fit(x, batch_size=8, verbose=0).history for m in (model, loaded)]
    assert histories[0] == histories[1]
    assert_equal_states(state_of(model), state_of(loaded))
    on_batch = [m.train_on_batch(x[:16], return_dict=True) for m in (model, loaded)]
    assert on_batch[0] == on_batch[1]
    assert set(on_batch[0]) == set(model.training_terms)
