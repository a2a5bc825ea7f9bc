"""PyTorch's files of weights, read as data: nothing in them is executed."""

import pickle

from kerasgen.weights_file import PresetError


def read_state_dict(path):
    """Arrays of a `.pt` or `.pth` file.

    Args:
        path: File with a dict of name to tensor.

    Returns:
        Dict of name to NumPy array.

    Raises:
        ImportError: PyTorch is not installed.
        PresetError: The file is damaged, or holds more than tensors.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "Reading a .pth file needs PyTorch: pip install 'kerasgen[torch]'"
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict):
            return {
                str(name): value.detach().to_dense().numpy()
                for name, value in state.items()
                if isinstance(value, torch.Tensor)
            }
    except (
        pickle.UnpicklingError,
        RuntimeError,
        TypeError,
        EOFError,
        OSError,
    ) as error:
        raise PresetError(
            f"Expected a PyTorch file of tensors. Received: {path} "
            f"({(str(error) or type(error).__name__).splitlines()[0]})"
        ) from error
    raise PresetError(f"Expected a dict of tensors. Received: {type(state)}")
