"""The ways out: one pool of connections for each relay that some inbox uses now."""

from __future__ import annotations

from channels.email.relay import Relay, Target


class Ways:
    """Pools by their relay; inboxes at the same server with the same sign-in share one."""

    def __init__(self) -> None:
        self._pools: dict[Target, Relay] = {}
        self._by_inbox: dict[int, Target] = {}

    async def of(self, inbox_id: int, target: Target) -> Relay:
        """The pool of `target`, from now on this inbox's; one that no inbox uses any more is closed."""
        before = self._by_inbox.get(inbox_id)
        self._by_inbox[inbox_id] = target
        if target not in self._pools:
            self._pools[target] = Relay(target)
        pool = self._pools[target]
        if before is not None and before != target and before not in self._by_inbox.values():
            await self._pools.pop(before).close()
        return pool

    async def close(self) -> None:
        pools = list(self._pools.values())
        self._pools, self._by_inbox = {}, {}
        for pool in pools:
            await pool.close()
