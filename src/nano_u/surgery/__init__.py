"""Takes channels out of a network: which can go, and the smaller one with what they carried folded into the rest."""

from nano_u.surgery.choice import Choice, choose_channels, removable_channels
from nano_u.surgery.cut import Surgery, cut_channels
from nano_u.surgery.groups import ChannelGroup, Reader, channel_groups
from nano_u.surgery.moments import measure_readers
from nano_u.surgery.rewiring import Rewiring, lost_share, rewired_model, rewirings

__all__ = [
    "ChannelGroup",
    "Choice",
    "Reader",
    "Rewiring",
    "Surgery",
    "channel_groups",
    "choose_channels",
    "cut_channels",
    "lost_share",
    "measure_readers",
    "removable_channels",
    "rewired_model",
    "rewirings",
]
