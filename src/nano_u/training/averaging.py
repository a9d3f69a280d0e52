"""The moving average of the weights in place of the last step's."""

from __future__ import annotations

from typing import Any

import keras


class AveragedWeights(keras.callbacks.SwapEMAWeights):
    """Validation, callbacks after this one at an epoch's end, and the trained model see the averaged weights.

    Keras' own callback leaves the last step's weights in the model where training stops before its last epoch.
    Callbacks that stop training belong before this one, callbacks that save the model after it.
    """

    def __init__(self) -> None:
        super().__init__(swap_on_epoch=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the average in the model; for good where training ends here."""
        super().on_epoch_end(epoch, logs)
        if self.model.stop_training and epoch + 1 < self.params["epochs"]:
            self._finalize_ema_values()
