"""What screens ask of a channel, from its capabilities and what its adapter can besides; never its name."""

from __future__ import annotations

from dataclasses import dataclass

from contact.channel import Capabilities, Channel, Channels, Receipts, Renders, Shows
from contact.desk.words import CHANNEL, CHANNEL_ICON

UTF8 = ("utf-8",)


@dataclass(frozen=True, slots=True)
class Traits:
    """`measured`: a message is counted while it is written, and may hold what cannot be sent. `renders`: it
    leaves as pages. `shows`: it makes pictures of files that came. `asked`: its provider tells how far it is."""

    name: str
    can: Capabilities
    measured: bool
    renders: bool
    shows: bool
    asked: bool

    @property
    def label(self) -> str:
        """msgid of the channel's name."""
        return CHANNEL.get(self.name, self.name.capitalize())

    @property
    def icon(self) -> str:
        return CHANNEL_ICON.get(self.name, "send")


def of(channel: Channel) -> Traits:
    can, renders = channel.capabilities, isinstance(channel, Renders)
    return Traits(
        channel.name,
        can,
        measured=renders or can.encodings != UTF8,
        renders=renders,
        shows=isinstance(channel, Shows),
        asked=can.receipts is Receipts.ASKED,
    )


def find(channels: Channels, name: str | None) -> Traits | None:
    """The traits of a registered channel; None for one this house does not have."""
    return of(channels[name]) if name and name in channels else None
