"""Networks as plain records: what they compute and what they cost, without any framework."""

from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.channel_groups import ChannelSource, channel_sources
from nano_u.graph.chips import CHIPS, Chip, Fit, fits, get_chip
from nano_u.graph.cost import CostSummary, LayerCost, layer_costs, summarise
from nano_u.graph.deployed import DeployedGraph, DeployedOp, deploy
from nano_u.graph.price import PeakRemedy, Price, narrowed, peak_remedy, price
from nano_u.graph.read import read_architecture, write_architecture
from nano_u.graph.record import ACTIVATION_SUFFIX, Architecture, Node

__all__ = [
    "ACTIVATION_SUFFIX",
    "CHIPS",
    "Architecture",
    "ChannelSource",
    "Chip",
    "CostSummary",
    "DeployedGraph",
    "DeployedOp",
    "Fit",
    "LayerCost",
    "Node",
    "PeakRemedy",
    "Price",
    "bu_net",
    "channel_sources",
    "deploy",
    "fits",
    "get_chip",
    "layer_costs",
    "nano_u",
    "narrowed",
    "peak_remedy",
    "price",
    "read_architecture",
    "summarise",
    "write_architecture",
]
