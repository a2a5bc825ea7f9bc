"""Models whose networks one optimizer trains."""

from kerasgen.models.base import GenerativeModel


class SinglePlayer(GenerativeModel):
    """Base of models with one entry in `players`."""

    def compile(
        self,
        optimizer="adam",
        run_eagerly=False,
        jit_compile="auto",
        steps_per_execution=1,
        auto_scale_loss=True,
    ):
        """Sets the optimizer.

        Args:
            optimizer: Keras optimizer or its name.
            run_eagerly: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`; 1 on PyTorch.
            auto_scale_loss: Scale the loss where a network computes in float16.
        """
        (player,) = self.players
        self.compile_players(
            {player: optimizer},
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=auto_scale_loss,
        )
