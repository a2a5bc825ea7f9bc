"""Whether values are numbers of the host, which NumPy may read in place of PyTorch."""

import keras
import torch


def are_on_host(values):
    """Whether all are, and nothing traces what is done with them.

    Args:
        values: Iterable of tensors, arrays and numbers.
    """
    is_traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return not is_traced and all(map(_is_on_host, values))


def _is_on_host(value):
    if not isinstance(value, torch.Tensor):
        return keras.src.backend.torch.core.get_device() == "cpu"
    # Tensors of other classes, and those of `torch.func`, may have a shape alone.
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.device.type == "cpu"
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)
    )
