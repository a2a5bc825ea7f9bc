"""What all tests share."""

import keras

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    # Graphs that run for milliseconds should not be optimised for seconds. Tests that
    # start programs of their own run them as users do.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
