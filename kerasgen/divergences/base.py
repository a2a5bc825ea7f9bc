"""What an f-divergence is made of: function f, convex conjugate, output activation."""

import math

import numpy as np
from keras import ops


class FDivergence:
    """Base of the divergences `E_q f(p / q)`.

    A subclass has the attributes and, for its formulas, `_f(log_ratio)` in NumPy and
    `_conjugate(t)` and `activation(v)` in `keras.ops`; registered with Keras, it can be
    saved with a loss.

    Attributes:
        slope_at_one: f'(1), the T above which the best critic takes a sample for real.
        slope_at_infinity: Limit of f(u) / u, the weight of p where q is 0.
        domain: Lowest and highest argument of the conjugate.

    Example:

    >>> from kerasgen import divergences
    >>> divergence = divergences.get("pearson_chi2")
    >>> round(float(divergence.f(3.0)), 6)  # (3 - 1)^2
    4.0
    >>> float(divergence.conjugate(2.0))  # 2^2 / 4 + 2
    3.0
    """

    slope_at_one = 0.0
    slope_at_infinity = math.inf
    domain = (-math.inf, math.inf)

    def f(self, u):
        """The function that defines the divergence.

        Args:
            u: Float array of any shape, ratios p / q >= 0.

        Returns:
            float64 array like `u`; infinite at 0 where f is.
        """
        with np.errstate(divide="ignore"):
            return self.f_of_log_ratio(np.log(np.asarray(u, "float64")))

    def f_of_log_ratio(self, log_ratio):
        """`f(exp(log_ratio))`, also where the ratio itself is out of range.

        Args:
            log_ratio: Float array of any shape, log p - log q in nats; -inf where p
                is 0.

        Returns:
            float64 array like `log_ratio`.
        """
        with np.errstate(over="ignore"):
            return self._f(np.asarray(log_ratio, "float64"))

    def f_per_ratio(self, log_ratio):
        """`f(u) / u` for ratios u so large that f(u) is out of range.

        Args:
            log_ratio: Float array of any shape, log u in nats.

        Returns:
            float64 array like `log_ratio`, or a float; `slope_at_infinity`, unless a
            subclass whose slope is infinite knows better.
        """
        return self.slope_at_infinity

    def conjugate(self, t):
        """f*(t), the supremum over u of `t * u - f(u)`.

        Args:
            t: Float tensor of any shape.

        Returns:
            Tensor like `t`; infinite outside the domain.
        """
        t = ops.convert_to_tensor(t)
        low, high = self.domain
        inside = ops.logical_and(t >= low, t <= high)
        value = self._conjugate(ops.where(inside, t, self.slope_at_one))
        return ops.where(inside, value, math.inf)

    def activation(self, v):
        """g(v), the critic's T.

        Args:
            v: Float tensor of any shape and range, a network's output.

        Returns:
            Tensor like `v`, in the domain of the conjugate.
        """
        raise NotImplementedError(f"{type(self).__name__} has no activation")

    def conjugate_of_activation(self, v):
        """f*(g(v)), in a form that keeps its precision for every v.

        Args:
            v: Float tensor of any shape and range.

        Returns:
            Tensor like `v`.
        """
        return self.conjugate(self.activation(v))

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
