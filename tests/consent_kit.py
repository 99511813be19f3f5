"""What the tests of consent share: people with addresses, and short verbs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hall_kit import Hall

from contact import consent, directory
from contact.consent import Purpose, Verdict
from contact.messages import AddressKind, Party, Wish

AD, INFO, SERVICE = Purpose.ADVERTISING, Purpose.INFORMATIONAL, Purpose.SERVICE


@dataclass
class People:
    """Addresses of a hall, by number."""

    hall: Hall

    def add(self, value: str, kind: AddressKind = AddressKind.EMAIL, zone: str | None = None, to: int = 0) -> int:
        """An address; `to`: one more of the person who has that address."""
        with self.hall.db.write() as session:
            if to:
                holder = directory.get(session, session.get_one(directory.Address, to).contact_id)
                return directory.add_address(session, self.hall.now, holder, kind, value, None).id
            who, address = directory.find_or_create(session, self.hall.now, Party(kind, value))
            who.zone = zone
            return address.id

    def says(
        self, address: int, given: bool, purpose: Purpose | None = AD, *, how: str = "form", channel: str = "email",
        now: datetime | None = None, **more: Any,
    ) -> bool:  # fmt: skip
        with self.hall.db.write() as session:
            one = session.get_one(directory.Address, address)
            wish = Wish(given, how, more.pop("words", "네" if given else "아니요"))
            return consent.record(
                session, now or self.hall.tick(), one, wish, channel=channel, purpose=purpose, **more
            )  # fmt: skip

    def ask(
        self, *addresses: int, purpose: Purpose = AD, channel: str = "email", now: datetime | None = None, **more: Any
    ) -> dict[int, Verdict]:
        with self.hall.db.read() as session:
            return consent.verdicts(
                session, now or self.hall.now, addresses, channel=channel, purpose=purpose, **more
            )  # fmt: skip

    def rule(self, address: int, **more: Any) -> str:
        """The rule that forbids it; "" when it is allowed."""
        found = self.ask(address, **more)
        return found[address].rule if found else ""
