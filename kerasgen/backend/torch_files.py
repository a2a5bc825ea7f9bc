"""PyTorch's files of weights, read as data: nothing in them is executed."""

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
    # A damaged file can make the reader fail in any way.
    except Exception as error:
        raise PresetError(
            "Expected a PyTorch file of tensors and nothing else. "
            f"Received: {path} ({type(error).__name__})"
        ) from error
    if not isinstance(state, dict):
        raise PresetError(f"Expected a dict of tensors. Received: {type(state)}")
    tensors = {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    for name, value in tensors.items():
        # A sparse or shared one can take far more memory than the file.
        if value.layout != torch.strided or not value.is_contiguous():
            raise PresetError(
                "Expected dense, contiguous tensors. "
                f"Received: {name} of layout {value.layout} in {path}"
            )
    return {str(name): value.detach().numpy() for name, value in tensors.items()}
