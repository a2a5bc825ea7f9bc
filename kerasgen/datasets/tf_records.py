"""Examples in TFRecord files by their number, which TFDS itself reads in a row only."""

import os

import numpy as np

HEADER_BYTES = 12  # length of the record, 8 bytes little-endian, and its checksum
FOOTER_BYTES = 4


class TFRecords:
    """A split that TFDS has prepared as TFRecord files: a sequence of its examples.

    The files are walked through once, from header to header; 20 bytes a record are
    kept in memory. The order is that of the files.

    Args:
        info: `tfds.core.DatasetInfo`.
        split: Name of a split.

    Raises:
        ValueError: A file is cut off, or has another number of records than TFDS
            noted.
    """

    def __init__(self, info, split):
        self.features = info.features
        self.paths, files, places = [], [], []
        for instruction in info.splits[split].file_instructions:
            found = record_places(instruction.filename)
            if len(found) != instruction.examples_in_shard:
                raise ValueError(
                    f"Expected {instruction.examples_in_shard} records in "
                    f"{instruction.filename}. Received: {len(found)}"
                )
            files.append(np.full(len(found), len(self.paths), np.int32))
            places.append(found)
            self.paths.append(instruction.filename)
        self.files = np.concatenate(files)
        self.places = np.concatenate(places)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, number):
        offset, length = map(int, self.places[number])
        # Not kept open: there may be more files than a process may open.
        with open(self.paths[self.files[number]], "rb", buffering=0) as file:
            file.seek(offset)
            record = file.read(length)
        return self.features.deserialize_example_np(record)


def record_places(path):
    """Where the records of a TFRecord file lie.

    Args:
        path: Path of the file.

    Returns:
        int64 array (num_records, 2): offset and length in bytes.

    Raises:
        ValueError: The file is cut off.

    Reference: tensorflow.org, "TFRecord and tf.train.Example", TFRecords format.
    """
    places = []
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        end = 0
        while end < size:
            file.seek(end)
            length = int.from_bytes(file.read(HEADER_BYTES)[:8], "little")
            start = end + HEADER_BYTES
            end = start + length + FOOTER_BYTES
            places.append((start, length))
        if end > size:
            raise ValueError(
                f"Expected a whole TFRecord file. Received: {path} of {size} bytes, "
                f"whose last record ends at {end}"
            )
    return np.array(places, np.int64).reshape(-1, 2)
