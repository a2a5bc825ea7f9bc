"""Ratings of movies by people, through TensorFlow Datasets."""

import numpy as np
from scipy import sparse

from kerasgen.datasets.tfds_source import READ_BATCH, prepared_builder

URL = "https://files.grouplens.org/datasets/movielens/"


def movielens(name="100k", data_dir=None):
    """MovieLens ratings, downloaded by TFDS on first use.

    Args:
        name: Release, such as "100k" (943 people, 1,682 movies) or "1m".
        data_dir: TFDS's `data_dir`; None for its default, `~/tensorflow_datasets`.

    Returns:
        float32 `scipy.sparse.csr_array` (num_users, num_movies), ratings of 1 to 5;
        users and movies in the order of their numbers.

    Raises:
        FileNotFoundError: The ratings are not on disk and cannot be downloaded.

    Reference: Harper and Konstan 2015, "The MovieLens Datasets: History and Context".
    """
    import tensorflow_datasets as tfds  # noqa: TID253

    builder = prepared_builder(f"movielens/{name}-ratings", data_dir, URL)
    columns = {"user_id": [], "movie_id": [], "user_rating": []}
    for batch in tfds.as_numpy(
        builder.as_dataset(split="train", batch_size=READ_BATCH)
    ):
        for key, parts in columns.items():
            parts.append(batch[key])
    users, movies = (
        np.unique(np.concatenate(columns[key]).astype(np.int64), return_inverse=True)[1]
        for key in ("user_id", "movie_id")
    )
    ratings = np.concatenate(columns["user_rating"]).astype(np.float32)
    return sparse.csr_array((ratings, (users, movies)))
