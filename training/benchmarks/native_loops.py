"""Training by hand in each framework, of the models in `native_*.py`.

What a good practitioner writes who has no library: PyTorch eager in float32, channels
first, fused Adam, no look at a loss before the end of an epoch; one `tf.function` a
step, with or without XLA; one `jax.jit` a step with donated state. Each loop is a
function of (uint8 images, batch size) that trains an epoch on shuffled images, with
noise of the framework's own generator, and returns the mean of each term. With a list
of given noise, one dict a step, it keeps the order.
"""

import types

import numpy as np

from .native_layers import arrays_of, jax_layers, tensorflow_layers, torch_layers

ADAM_EPSILON = 1e-7


def _arrays(native, model, channels_first):
    """Dict of network to trained arrays, and dict of all BatchNorm statistics."""
    names = dict.fromkeys(name for networks, _ in native.UPDATES for name in networks)
    pairs = {n: arrays_of(getattr(model, n), channels_first) for n in names}
    statistics = {k: v for _, found in pairs.values() for k, v in found.items()}
    return {name: trained for name, (trained, _) in pairs.items()}, statistics


def _order(num, given):
    return np.arange(num) if given else np.random.permutation(num)


def torch_loop(native, model):
    """PyTorch, eager."""
    import torch

    f = torch_layers()
    trained, statistics = _arrays(native, model, channels_first=True)
    statistics = {k: torch.from_numpy(v) for k, v in statistics.items()}
    p = {
        network: {k: torch.from_numpy(v).requires_grad_() for k, v in arrays.items()}
        for network, arrays in trained.items()
    }
    optimizers = {}
    for networks, _ in native.UPDATES:
        own = [v for network in networks for v in p[network].values()]
        optimizers[networks] = (
            own,
            torch.optim.Adam(
                own,
                native.RATE,
                (native.BETA_1, native.BETA_2),
                ADAM_EPSILON,
                fused=True,
            ),
        )
    rng = types.SimpleNamespace(normal=torch.randn, uniform=torch.rand)

    def step(x, noise):
        logs = {}
        for networks, terms_of in native.UPDATES:
            own, optimizer = optimizers[networks]
            terms = terms_of(p, statistics, x, noise, f)
            optimizer.zero_grad()
            next(iter(terms.values())).backward(inputs=own)
            optimizer.step()
            for name, value in terms.items():
                logs.setdefault(name, []).append(value.detach())
        return logs

    def epoch(images, batch_size, given=None):
        images = torch.from_numpy(images).permute(0, 3, 1, 2)
        order = torch.from_numpy(_order(len(images), given))
        size = batch_size * native.BATCHES_PER_STEP
        logs = {}
        for index, rows in enumerate(order.split(size)):
            noise = given[index] if given else native.draw(rng, size)
            for name, values in step(f.images(images[rows]), noise).items():
                logs.setdefault(name, []).extend(values)
        return {name: float(torch.stack(v).mean()) for name, v in logs.items()}

    return epoch


def jax_loop(native, model):
    """JAX, one jitted step."""
    import functools

    import jax
    import jax.numpy as jnp

    f = jax_layers()

    def update(state, networks, terms_of, x, noise):
        def loss_of(own):
            statistics = dict(state["statistics"])
            terms = terms_of({**state["p"], **own}, statistics, x, noise, f)
            return next(iter(terms.values())), (terms, statistics)

        own = {n: state["p"][n] for n in networks}
        gradients, (terms, statistics) = jax.grad(loss_of, has_aux=True)(own)
        key = "+".join(networks)
        count = state["counts"][key] + 1
        old = [{n: state[m][n] for n in networks} for m in ("means", "squares")]
        new = adam(native, own, gradients, *old, count, jnp.sqrt, jax.tree.map)
        changed = {
            group: {**state[group], **values}
            for group, values in zip(("p", "means", "squares"), new, strict=True)
        }
        counts = {**state["counts"], key: count}
        return {**state, **changed, "statistics": statistics, "counts": counts}, terms

    @functools.partial(jax.jit, donate_argnums=0)
    def train(state, x, noise):
        key, *keys = jax.random.split(state["key"], 3)
        rng = types.SimpleNamespace(
            normal=functools.partial(jax.random.normal, keys[0]),
            uniform=functools.partial(jax.random.uniform, keys[1]),
        )
        state, logs = {**state, "key": key}, {}
        noise = native.draw(rng, len(x)) if noise is None else noise
        for networks, terms_of in native.UPDATES:
            state, terms = update(state, networks, terms_of, f.images(x), noise)
            for name, value in terms.items():
                logs.setdefault(name, []).append(value)
        return state, {name: jnp.stack(values) for name, values in logs.items()}

    trained, statistics = _arrays(native, model, channels_first=False)
    p = jax.tree.map(jnp.asarray, trained)
    states = [
        {
            "p": p,
            "means": jax.tree.map(jnp.zeros_like, p),
            "squares": jax.tree.map(jnp.zeros_like, p),
            "counts": {"+".join(n): jnp.float32(0) for n, _ in native.UPDATES},
            "statistics": jax.tree.map(jnp.asarray, statistics),
            "key": jax.random.key(0),
        }
    ]

    def epoch(images, batch_size, given=None):
        order = _order(len(images), given)
        size = batch_size * native.BATCHES_PER_STEP
        logs = []
        for index, start in enumerate(range(0, len(images), size)):
            x = images[order[start : start + size]]
            states[0], terms = train(states[0], x, given[index] if given else None)
            logs.append(terms)
        return {
            name: float(jnp.concatenate([terms[name] for terms in logs]).mean())
            for name in logs[0]
        }

    return epoch


def tensorflow_loop(native, model, jit_compile):
    """TensorFlow, one traced step, with or without XLA."""
    import tensorflow as tf

    f = tensorflow_layers()
    rng = types.SimpleNamespace(normal=tf.random.normal, uniform=tf.random.uniform)
    trained, statistics = _arrays(native, model, channels_first=False)
    p, means, squares = (
        tf.nest.map_structure(lambda v, scale=scale: tf.Variable(scale * v), trained)
        for scale in (1, 0, 0)
    )
    statistics = tf.nest.map_structure(tf.Variable, statistics)
    counts = {networks: tf.Variable(0.0) for networks, _ in native.UPDATES}

    def read(variables):
        return tf.nest.map_structure(tf.convert_to_tensor, variables)

    def update(networks, terms_of, x, noise):
        own = read({n: p[n] for n in networks})
        moved = read(statistics)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tf.nest.flatten(own))
            terms = terms_of({**read(p), **own}, moved, x, noise, f)
            loss = next(iter(terms.values()))
        gradients = tape.gradient(loss, own)
        counts[networks].assign_add(1.0)
        groups = [{n: group[n] for n in networks} for group in (p, means, squares)]
        count = tf.convert_to_tensor(counts[networks])
        old = read(groups[1]), read(groups[2])
        new = adam(native, own, gradients, *old, count, tf.sqrt, tf.nest.map_structure)
        for variables, values in ((statistics, moved), *zip(groups, new, strict=True)):
            tf.nest.map_structure(lambda v, value: v.assign(value), variables, values)
        return terms

    @tf.function(jit_compile=jit_compile)
    def train(x, noise):
        x = f.images(x)
        noise = native.draw(rng, x.shape[0]) if noise is None else noise
        logs = {}
        for networks, terms_of in native.UPDATES:
            for name, value in update(networks, terms_of, x, noise).items():
                logs.setdefault(name, []).append(value)
        return {name: tf.stack(values) for name, values in logs.items()}

    def epoch(images, batch_size, given=None):
        dataset = tf.data.Dataset.from_tensor_slices(images)
        if not given:
            dataset = dataset.shuffle(len(images))
        size = batch_size * native.BATCHES_PER_STEP
        dataset = dataset.batch(size, drop_remainder=True).prefetch(2)
        options = tf.data.Options()
        options.autotune.enabled = False
        logs = [
            train(x, given[index] if given else None)
            for index, x in enumerate(dataset.with_options(options))
        ]
        return {
            name: float(np.mean([terms[name] for terms in logs])) for name in logs[0]
        }

    return epoch


def adam(native, p, gradients, means, squares, count, sqrt, tree_map):
    """New parameters, means and squares, as Keras computes them."""
    beta_1, beta_2 = native.BETA_1, native.BETA_2
    rate = native.RATE * sqrt(1 - beta_2**count) / (1 - beta_1**count)
    means = tree_map(lambda m, g: m + (g - m) * (1 - beta_1), means, gradients)
    squares = tree_map(lambda s, g: s + (g * g - s) * (1 - beta_2), squares, gradients)
    p = tree_map(
        lambda v, m, s: v - rate * m / (sqrt(s) + ADAM_EPSILON), p, means, squares
    )
    return p, means, squares
