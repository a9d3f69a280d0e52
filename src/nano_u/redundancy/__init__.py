"""How much the channels of a layer repeat each other: the mathematics only, in NumPy float64."""

from nano_u.redundancy.activations import compute_layer_redundancy
from nano_u.redundancy.correlation import HISTOGRAM_BINS
from nano_u.redundancy.linear_reader import has_linear_reader, judged_at
from nano_u.redundancy.measure import SAMPLES_PER_CHANNEL, measure_layer
from nano_u.redundancy.model_redundancy import MODEL_SCALAR_FIELDS, ModelRedundancy, aggregate
from nano_u.redundancy.moments import GROUPS, GroupMoments, Moments, group_of_image
from nano_u.redundancy.reconstruction import Reconstruction, linear_reconstruction
from nano_u.redundancy.record import SCALAR_FIELDS, LayerRedundancy, Mode, Status
from nano_u.redundancy.running_covariance import RunningCovariance
from nano_u.redundancy.selection import ChannelSelection, select_channels
from nano_u.redundancy.self_check import validate_nas_computation
from nano_u.redundancy.spectrum import population_redundancy_score

__all__ = [
    "GROUPS",
    "HISTOGRAM_BINS",
    "MODEL_SCALAR_FIELDS",
    "SAMPLES_PER_CHANNEL",
    "SCALAR_FIELDS",
    "ChannelSelection",
    "GroupMoments",
    "LayerRedundancy",
    "Mode",
    "ModelRedundancy",
    "Moments",
    "Reconstruction",
    "RunningCovariance",
    "Status",
    "aggregate",
    "compute_layer_redundancy",
    "group_of_image",
    "has_linear_reader",
    "judged_at",
    "linear_reconstruction",
    "measure_layer",
    "population_redundancy_score",
    "select_channels",
    "validate_nas_computation",
]
