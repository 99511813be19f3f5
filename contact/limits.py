"""How often somebody may try something: rules as data, counted in memory or in Redis.

Two shapes of rule. `Steady` is a token bucket (as GCRA: one number a key); `Growing` lets the
first tries through and then makes each wait longer than the last, up to a ceiling, so that
nobody is ever locked out for good. An attempt is counted *before* it is made and forgiven
when it succeeds: a hundred tries at the same instant are a hundred tries.

Ask the narrow key first (account, signed visitor) and the address second: a refused account
must not use up what its whole office shares.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from contact.errors import TooMany

log = logging.getLogger(__name__)

KEYS_KEPT = 20_000
"""Keys remembered for each rule in memory; the least recently used is forgotten first."""
ASK_AGAIN = 5.0
"""Seconds that a Redis which did not answer is left alone."""

TOLERANCE = 1e-6
"""Seconds that arithmetic may lose: whoever waited as long as told must be let through."""


@dataclass(frozen=True, slots=True)
class Steady:
    """`burst` at once, then one every `every` seconds."""

    name: str
    burst: int
    every: float

    def next(self, state: State, now: float, scale: float) -> tuple[State, float]:
        every = self.every / scale
        full_at = max(state.until, now) + every
        wait = full_at - self.burst * every - now
        return (state, wait) if wait > TOLERANCE else (State(full_at, 0), 0.0)


@dataclass(frozen=True, slots=True)
class Growing:
    """`free` tries, then a wait of `first` seconds that doubles up to `ceiling`.

    After `forget` seconds without a try the count begins again. A refused try does not
    lengthen the wait.
    """

    name: str
    free: int
    first: float
    ceiling: float
    forget: float

    def next(self, state: State, now: float, scale: float) -> tuple[State, float]:
        if state.until - now > TOLERANCE:
            return state, state.until - now
        tries = 1 if now - state.until > self.forget else state.tries + 1
        return State(now + self.wait(tries) / scale, tries), 0.0

    def wait(self, tries: int) -> float:
        """Seconds to wait after that many tries."""
        if tries < self.free:
            return 0.0
        return min(self.ceiling, self.first * 2.0 ** min(tries - self.free, 30))


Rule = Steady | Growing


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of one key: free again at `until` (Unix seconds), after `tries`."""

    until: float = 0.0
    tries: int = 0


# Sign-in. A browser that signed in before has its own allowance, so a stranger who hammers at
# an account slows down strangers, never its owner. 50 people behind one address who each
# mistype four times stay below SIGN_IN_ADDRESS.
SIGN_IN_DEVICE = Growing("sign_in.device", free=5, first=5, ceiling=900, forget=3600)
SIGN_IN_ACCOUNT = Growing("sign_in.account", free=5, first=5, ceiling=900, forget=3600)
"""By account and network, for browsers we do not know."""
SIGN_IN_STRANGERS = Steady("sign_in.strangers", burst=30, every=30)
"""By account, from all networks together: a botnet gets 120 guesses an hour."""
SIGN_IN_ADDRESS = Steady("sign_in.address", burst=300, every=2)
SECOND_FACTOR = Growing("second_factor", free=5, first=15, ceiling=900, forget=3600)
PASSWORD_AGAIN = Growing("password_again", free=5, first=5, ceiling=900, forget=3600)
LINK_ADDRESS = Steady("link.address", burst=60, every=5)

# Chat, by signed visitor first and address second.
CHAT_MESSAGE = Steady("chat.message", burst=20, every=1)
CHAT_TYPING = Steady("chat.typing", burst=30, every=0.5)
CHAT_FILE = Steady("chat.file", burst=10, every=6)
CHAT_VISITOR_ADDRESS = Steady("chat.visitor.address", burst=300, every=1)
CHAT_MESSAGE_ADDRESS = Steady("chat.message.address", burst=2000, every=0.01)
CHAT_FILE_ADDRESS = Steady("chat.file.address", burst=300, every=1)

# The console: far beyond what hands do.
DESK_WRITE = Steady("desk.write", burst=120, every=0.25)


class Store(Protocol):
    def take(self, rule: Rule, key: str, now: float, scale: float) -> float:
        """Count one try, in one step; seconds to wait when it is refused, else 0."""
        ...

    def forgive(self, rule: Rule, key: str) -> None: ...


class Memory:
    """One web process. Bounded: each rule forgets its least recently used keys by itself."""

    def __init__(self, keep: int = KEYS_KEPT) -> None:
        self._keep = keep
        self._rules: dict[str, OrderedDict[str, State]] = {}
        self._lock = threading.Lock()

    def take(self, rule: Rule, key: str, now: float, scale: float) -> float:
        with self._lock:
            states = self._rules.setdefault(rule.name, OrderedDict())
            state, wait = rule.next(states.get(key, State()), now, scale)
            states[key] = state
            states.move_to_end(key)
            if len(states) > self._keep:
                states.popitem(last=False)
        return wait

    def forgive(self, rule: Rule, key: str) -> None:
        with self._lock:
            if states := self._rules.get(rule.name):
                states.pop(key, None)

    def __len__(self) -> int:
        return sum(len(states) for states in self._rules.values())


_STEADY = """
local now, every, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + every
local wait = full_at - burst * every - now
if wait > 1e-6 then return tostring(wait) end
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1000)
return '0'
"""

_GROWING = """
local now, free, first = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ceiling, forget, scale = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local kept = redis.call('HMGET', KEYS[1], 'until', 'tries')
local till, tries = tonumber(kept[1] or '0'), tonumber(kept[2] or '0')
if till - now > 1e-6 then return tostring(till - now) end
if now - till > forget then tries = 1 else tries = tries + 1 end
local wait = 0
if tries >= free then wait = math.min(ceiling, first * 2 ^ math.min(tries - free, 30)) / scale end
redis.call('HSET', KEYS[1], 'until', string.format('%.6f', now + wait), 'tries', tries)
redis.call('PEXPIRE', KEYS[1], math.ceil((wait + forget) * 1000) + 1000)
return '0'
"""


class Redis:
    """Several web processes: the same two rules as scripts, so that each try is one step.

    When Redis is away each process counts for itself: limits grow looser, nobody is refused.
    """

    def __init__(self, url: str, fallback: Memory | None = None) -> None:
        import redis  # a fifth of a second to load, and most houses have none

        self._failure: type[Exception] = redis.RedisError
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._steady = self._redis.register_script(_STEADY)
        self._growing = self._redis.register_script(_GROWING)
        self._fallback = fallback or Memory()
        self._away_until = 0.0

    def take(self, rule: Rule, key: str, now: float, scale: float) -> float:
        if time.monotonic() >= self._away_until:
            try:
                return float(self._run(rule, [f"limit:{rule.name}:{key}"], now, scale))
            except self._failure as error:
                self._leave_alone(error)
        return self._fallback.take(rule, key, now, scale)

    def _run(self, rule: Rule, keys: Sequence[str], now: float, scale: float) -> bytes:
        if isinstance(rule, Steady):
            answer = self._steady(keys, [repr(now), rule.every / scale, rule.burst])
        else:
            answer = self._growing(keys, [repr(now), rule.free, rule.first, rule.ceiling, rule.forget, scale])
        return bytes(answer)

    def forgive(self, rule: Rule, key: str) -> None:
        self._fallback.forgive(rule, key)
        if time.monotonic() >= self._away_until:
            try:
                self._redis.delete(f"limit:{rule.name}:{key}")
            except self._failure as error:
                self._leave_alone(error)

    def _leave_alone(self, error: Exception) -> None:
        """Ask again after a while: nobody shall wait for a time-out at each try."""
        self._away_until = time.monotonic() + ASK_AGAIN
        log.warning("limits: Redis is away, counting in this process (%s)", error)


class Limits:
    """The one object doors ask. `scale` loosens every rule (load tests)."""

    def __init__(self, store: Store, scale: float = 1.0) -> None:
        self.store = store
        self.scale = scale

    @classmethod
    def of(cls, redis_url: str = "", scale: float = 1.0) -> Limits:
        return cls(Redis(redis_url) if redis_url else Memory(), scale)

    def take(self, rule: Rule, key: str, now: datetime) -> None:
        """Count one try; raises `TooMany` with the seconds to wait."""
        wait = self.store.take(rule, digest(key), now.timestamp(), self.scale)
        if wait > 0:
            raise refusal(wait)

    def forgive(self, rule: Rule, key: str) -> None:
        """It succeeded: what was counted for this key is forgotten."""
        self.store.forgive(rule, digest(key))


def digest(key: str) -> str:
    """Keys are kept as hashes: short, and no address or name lies in Redis."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()


def network(ip: str) -> str:
    """What one subscriber has: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def refusal(wait: float) -> TooMany:
    """The sentence with whole seconds or, from a minute and a half on, minutes."""
    seconds = math.ceil(wait)
    if seconds < 90:
        return TooMany("Too many attempts. Please try again in %(count)s seconds.", retry_after=wait, count=seconds)
    return TooMany(
        "Too many attempts. Please try again in %(count)s minutes.", retry_after=wait, count=math.ceil(seconds / 60)
    )
