"""Gated PixelCNN of grey images and its training by hand, in each framework.

What someone writes who has no library: the framework's convolutions, on kernels that
are cropped rather than masked, its automatic differentiation, its layout, Adam. Weights
start as those of a `kerasgen.models.GatedPixelCNN`, so that both sides compute the same
numbers.
"""

import types

import numpy as np

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7


def weights_of(model):
    """Arrays by name, in the order of `logits`; kernels cropped to what they see."""
    network, arrays = model.network, {}
    for i, gate in enumerate(network.gates):
        columns = gate.columns_left + (not gate.is_first)
        arrays |= {
            f"{i}/vertical": gate.vertical.get_weights()[0],
            f"{i}/horizontal": gate.horizontal.get_weights()[0][:, :columns],
            f"{i}/between": gate.between.get_weights()[0][None, None],
            f"{i}/behind": gate.behind.get_weights()[0][None, None],
            f"{i}/behind_bias": gate.behind.get_weights()[1],
            f"{i}/classes": gate.classes.get_weights()[0],
        }
    for i, dense in enumerate(network.head):
        arrays[f"head_{i}"] = dense.get_weights()[0][None, None]
        arrays[f"head_{i}_bias"] = dense.get_weights()[1]
    return arrays


def logits(p, sizes, x, labels, f):
    """Logits of every pixel, in the framework's layout.

    Args:
        p: Dict of parameters.
        sizes: Sizes of the gates' kernels.
        x: Images in [-1, 1].
        labels: Integers (B,).
        f: The framework's functions, of `_channels_last`.
    """

    def gate(a):
        tanh, sigmoid = f.split(a)
        return f.tanh(tanh) * f.sigmoid(sigmoid)

    def dense(a, name):
        return f.project(a, p[name]) + f.per_channel(p[f"{name}_bias"])

    vertical = horizontal = x
    for i, size in enumerate(sizes):
        side = size // 2
        conv = f.conv(vertical, p[f"{i}/vertical"], (side, side, side))
        conv = f.crop(conv, x)
        first, second = f.split(f.per_channel(f.look_up(p[f"{i}/classes"], labels)))
        vertical = gate(conv + first)
        beside = f.crop(f.conv(horizontal, p[f"{i}/horizontal"], (0, side, 0)), x)
        hidden = gate(beside + f.project(conv, p[f"{i}/between"]) + second)
        out = dense(hidden, f"{i}/behind")
        horizontal = horizontal + out if i else out
    for i in range(2):
        horizontal = dense(f.relu(horizontal), f"head_{i}")
    return horizontal


def _channels_last(conv, project, pad, split, look_up, nn, tanh):
    """Functions of a framework with channels last."""
    return types.SimpleNamespace(
        conv=lambda x, kernel, pads: conv(
            pad(x, ((0, 0), (pads[0], 0), pads[1:], (0, 0))), kernel
        ),
        project=project,
        crop=lambda a, x: a[:, : x.shape[1], : x.shape[2]],
        split=lambda a: split(a, 2, -1),
        # Biases (channels,), or (B, channels).
        per_channel=lambda a: a if len(a.shape) == 1 else a[:, None, None],
        look_up=look_up,
        tanh=tanh,
        sigmoid=nn.sigmoid,
        relu=nn.relu,
    )


def torch_loop(model, sizes):
    """Function of (images, labels, batch size) that trains an epoch in PyTorch."""
    import torch
    import torch.nn.functional as F

    f = types.SimpleNamespace(
        conv=lambda x, kernel, pads: F.conv2d(
            F.pad(x, (*pads[1:], pads[0], 0)), kernel
        ),
        project=F.conv2d,
        crop=lambda a, x: a[:, :, : x.shape[2], : x.shape[3]],
        split=lambda a: a.chunk(2, 1),
        per_channel=lambda a: a[..., None, None],
        look_up=lambda table, labels: table[labels],
        tanh=torch.tanh,
        sigmoid=torch.sigmoid,
        relu=torch.relu,
    )
    p = {}
    for name, array in weights_of(model).items():
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        p[name] = torch.tensor(np.ascontiguousarray(array), requires_grad=True)
    optimizer = torch.optim.Adam(p.values(), RATE, (BETA_1, BETA_2), EPSILON)

    def epoch(images, labels, batch_size):
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        labels = torch.from_numpy(labels).long()
        losses = []
        for start in range(0, len(x), batch_size):
            levels = x[start : start + batch_size]
            optimizer.zero_grad()
            scaled = levels.float() / 127.5 - 1.0
            found = logits(p, sizes, scaled, labels[start : start + batch_size], f)
            loss = F.cross_entropy(found, levels[:, 0].long(), reduction="sum")
            loss = loss / len(levels)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return epoch


def _adam(p, gradients, means, squares, step, sqrt):
    rate = RATE * sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
    means = {k: BETA_1 * means[k] + (1 - BETA_1) * gradients[k] for k in p}
    squares = {k: BETA_2 * squares[k] + (1 - BETA_2) * gradients[k] ** 2 for k in p}
    p = {k: p[k] - rate * means[k] / (sqrt(squares[k]) + EPSILON) for k in p}
    return p, means, squares


def jax_loop(model, sizes, with_products):
    """As `torch_loop`, in JAX: one jitted step.

    Args:
        model: As in `torch_loop`.
        sizes: As in `torch_loop`.
        with_products: Whether 1x1 convolutions are written as matrix products.
    """
    import functools

    import jax
    import jax.numpy as jnp

    layout = ("NHWC", "HWIO", "NHWC")

    def conv(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=layout
        )

    f = _channels_last(
        conv,
        (lambda x, kernel: x @ kernel[0, 0]) if with_products else conv,
        jnp.pad,
        jnp.split,
        lambda table, labels: table[labels],
        jax.nn,
        jnp.tanh,
    )

    def loss_of(p, levels, labels):
        found = logits(p, sizes, levels.astype(jnp.float32) / 127.5 - 1.0, labels, f)
        log_p = jax.nn.log_softmax(found)
        chosen = jnp.take_along_axis(log_p, levels.astype(jnp.int32), -1)
        return -chosen.sum() / len(levels)

    @functools.partial(jax.jit, donate_argnums=0)
    def train(state, levels, labels):
        p, means, squares, step = state
        loss, gradients = jax.value_and_grad(loss_of)(p, levels, labels)
        state = _adam(p, gradients, means, squares, step, jnp.sqrt)
        return (*state, step + 1.0), loss

    p = {name: jnp.asarray(array) for name, array in weights_of(model).items()}
    zeros = [{k: jnp.zeros_like(v) for k, v in p.items()} for _ in range(2)]
    state = [(p, *zeros, jnp.float32(1.0))]

    def epoch(images, labels, batch_size):
        losses = []
        for start in range(0, len(images), batch_size):
            part = slice(start, start + batch_size)
            state[0], loss = train(state[0], images[part], labels[part])
            losses.append(loss)
        return np.asarray(jnp.stack(losses))

    return epoch


def tensorflow_loop(model, sizes, jit_compile):
    """As `torch_loop`, in TensorFlow: one traced step, with or without XLA."""
    import tensorflow as tf

    def conv(x, kernel):
        return tf.nn.conv2d(x, kernel, 1, "VALID")

    f = _channels_last(
        conv,
        conv,
        tf.pad,
        tf.split,
        tf.gather,
        tf.nn,
        tf.tanh,
    )
    arrays = weights_of(model)
    p, means, squares = (
        {k: tf.Variable(scale * v) for k, v in arrays.items()} for scale in (1, 0, 0)
    )
    step = tf.Variable(1.0)

    @tf.function(jit_compile=jit_compile)
    def train(levels, labels):
        with tf.GradientTape() as tape:
            read = {k: tf.convert_to_tensor(v) for k, v in p.items()}
            for name in read:
                tape.watch(read[name])
            scaled = tf.cast(levels, tf.float32) / 127.5 - 1.0
            found = logits(read, sizes, scaled, labels, f)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.cast(levels[..., 0], tf.int32), found
            )
            loss = tf.reduce_sum(losses) / tf.cast(len(levels), tf.float32)
        gradients = tape.gradient(loss, read)
        gradients = {k: tf.convert_to_tensor(g) for k, g in gradients.items()}
        old = (
            {k: tf.convert_to_tensor(v) for k, v in d.items()} for d in (means, squares)
        )
        new = _adam(read, gradients, *old, step, tf.sqrt)
        for variables, values in zip((p, means, squares), new, strict=True):
            for k, variable in variables.items():
                variable.assign(values[k])
        step.assign_add(1.0)
        return loss

    def epoch(images, labels, batch_size):
        dataset = tf.data.Dataset.from_tensor_slices((images, labels))
        losses = [
            train(*batch)
            for batch in dataset.batch(batch_size, drop_remainder=True).prefetch(2)
        ]
        return np.stack(losses)

    return epoch
