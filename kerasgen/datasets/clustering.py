"""Clusters of samples, for models that are trained a mode at a time."""

import numpy as np

from kerasgen.arguments import check_positive_integer


def cluster(x, num_clusters, seed=0, num_components=50):
    """Numbers the clusters that k-means finds, in principal components.

    Args:
        x: Array of images (N, H, W, C) or vectors (N, D), uint8 or float.
        num_clusters: Number of clusters, at most N.
        seed: Integer in [0, 2**32) of the starts of k-means.
        num_components: Principal components to keep of samples that have more values.

    Returns:
        int32 array (N,) in [0, num_clusters); larger clusters have lower numbers.

    Raises:
        ValueError: There are fewer samples than clusters, or values are not finite.

    Example:

    >>> import numpy as np
    >>> from kerasgen import datasets
    >>> datasets.cluster(np.array([[0.0], [0.1], [0.2], [9.0]]), 2)
    array([0, 0, 0, 1], dtype=int32)
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    check_positive_integer("num_clusters", num_clusters)
    check_positive_integer("num_components", num_components)
    x = np.asarray(x)
    if x.ndim < 2 or len(x) < num_clusters:
        raise ValueError(
            f"Expected at least {num_clusters} samples, in an array of shape "
            f"(num_samples, ...). Received: shape={x.shape}"
        )
    flat = x.reshape(len(x), -1).astype(np.float32)
    if not np.isfinite(flat).all():
        raise ValueError("Expected finite values. Received: NaN or infinity")
    if num_components < min(flat.shape):
        flat = PCA(num_components, random_state=seed).fit_transform(flat)
    found = KMeans(num_clusters, n_init=4, random_state=seed).fit_predict(flat)
    sizes = np.bincount(found, minlength=num_clusters)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return rank[found].astype(np.int32)
