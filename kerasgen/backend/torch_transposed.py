"""Transposed convolution to a few channels, such as a decoder's or generator's last.

oneDNN, which PyTorch calls on a CPU, spends on one filter what it spends on many. A
product of matrices and sums of shifted maps take half of its time forward. Backward it
is an ordinary convolution, and fast.
"""

import torch
from torch.autograd import forward_ad
from torch.nn import functional

from kerasgen.backend.torch_host import are_on_host

MOST_FILTERS = 4


def suits(kernel, strides, x):
    """Whether it is the faster way.

    Args:
        kernel: (channels, filters, rows, columns).
        strides: Pair of integers.
        x: Tensor (B, channels, H, W).
    """
    sizes = kernel.shape[2:]
    return (
        kernel.shape[1] <= MOST_FILTERS
        and min(strides) > 1
        and all(size % stride == 0 for size, stride in zip(sizes, strides, strict=True))
        and x.dtype is kernel.dtype is torch.float32
        and are_on_host((x, kernel))
        and not torch.is_autocast_enabled("cpu")
        # Forward derivatives have no rule below.
        and forward_ad._current_level < 0
    )


def convolve_transposed(x, kernel, strides, crops):
    """As `conv_transpose2d`, without a bias.

    Args:
        x: Tensor (B, channels, H, W).
        kernel: (channels, filters, rows, columns), which the strides divide.
        strides: Pair of integers.
        crops: Pair of integers, what is cut off at each end of the rows and columns.

    Returns:
        Tensor (B, filters, H', W').
    """
    return _Transposed.apply(x, kernel, strides, crops)


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, kernel, strides, crops):
        ctx.save_for_backward(x, kernel)
        ctx.geometry = strides, crops
        num, channels, height, width = x.shape
        filters, (rows, columns) = kernel.shape[1], strides
        down, right = kernel.shape[2] // rows, kernel.shape[3] // columns
        x = x.permute(0, 2, 3, 1).reshape(-1, channels)
        parts = (x @ kernel.permute(0, 2, 3, 1).reshape(channels, -1)).view(
            num, height, width, down, rows, right, columns, filters
        )
        y = x.new_zeros(
            num, height + down - 1, rows, width + right - 1, columns, filters
        )
        for i in range(down):
            for j in range(right):
                part = parts[:, :, :, i, :, j].transpose(2, 3)
                y[:, i : i + height, :, j : j + width] += part
        y = y.view(num, y.shape[1] * rows, y.shape[3] * columns, filters)
        top, left = crops
        y = y[:, top : y.shape[1] - top, left : y.shape[2] - left]
        return y.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient):
        x, kernel = ctx.saved_tensors
        strides, crops = ctx.geometry
        of_x = of_kernel = None
        if ctx.needs_input_grad[0]:
            of_x = functional.conv2d(gradient, kernel, None, strides, crops)
        if ctx.needs_input_grad[1]:
            of_kernel = torch.nn.grad.conv2d_weight(
                gradient, kernel.shape, x, strides, crops
            )
        return of_x, of_kernel, None, None
