"""Moments from fixed images that were given to the monitor: one more forward pass for each logged step."""

from __future__ import annotations

from typing import Any

from nano_u.capture.selection import Selection
from nano_u.monitoring.batch_norm_watch import BatchNormWatch
from nano_u.monitoring.fit_source import Observation
from nano_u.monitoring.options import MonitorOptions
from nano_u.monitoring.probe import ActivationProbe
from nano_u.monitoring.probe_data import count_images, probe_batches


class ProbeSource:
    """The same images every time, in inference mode, so that rows differ by the weights alone."""

    def __init__(self, selection: Selection, options: MonitorOptions, data: Any) -> None:
        self.batch_norm = BatchNormWatch(selection)
        self._batches = probe_batches(data, options.max_samples)
        self._images = count_images(self._batches)
        self._probe = ActivationProbe(
            selection, spatial=options.spatial, max_channels=options.max_channels, also=self.batch_norm.observe
        )

    def observe(self) -> Observation:
        """Run the images through the model as it is now."""
        self.batch_norm.arm()
        return Observation(self._probe.measure(self._batches, self._images), "inference")
