"""Takes channels out of a network: which can go, and the smaller one with what they carried folded into the rest."""

from nano_u.surgery.choice import Choice, choose_channels, removable_channels
from nano_u.surgery.cut import Surgery, cut_channels
from nano_u.surgery.groups import ChannelGroup, Reader, channel_groups
from nano_u.surgery.moments import measure_readers

__all__ = [
    "ChannelGroup",
    "Choice",
    "Reader",
    "Surgery",
    "channel_groups",
    "choose_channels",
    "cut_channels",
    "measure_readers",
    "removable_channels",
]
