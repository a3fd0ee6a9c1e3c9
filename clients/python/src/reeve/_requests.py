"""Counts requests: what is in flight, since when, how long it took. Does no I/O itself."""
from __future__ import annotations

from bisect import bisect_right
from itertools import count, takewhile
from time import monotonic_ns
from typing import Any, Callable, Dict, List, Tuple

from ._protocol import LATENCY_BOUNDS_NS

# (method, target) of what a middleware was called with; asked for only where a request is slow.
Describe = Callable[[Any], Tuple[str, str]]
Flight = Tuple[int, Describe, Any]

NEVER = 2**63
FOLD = 1000  # durations that are kept until they are added up, all at once, which is cheaper


def _nobody(*_arguments: object) -> None:
    """Where nobody wants to know."""


class Requests:
    """Counters since the start of the process image.

    `on_slow(flight, duration_ns)` is called once for each request that takes `slow_ns` or longer:
    by `look_for_slow` while it runs, else when it ends. `on_quota()` is called when the request
    ends that reaches the quota.
    """

    def __init__(self) -> None:
        self.slow_ns = NEVER
        self.on_slow: Callable[[Flight, int], None] = _nobody
        self.on_quota: Callable[[], None] = _nobody
        self._quota = 0
        self._next_key = count(1).__next__
        self.reset()

    def reset(self) -> None:
        """All counters from zero, as in a child made by fork; its parent's requests are not its."""
        self.errors = 0
        self.connections = 0
        self._ended = 0
        self._latency_sum_ns = 0
        self._latency_counts = [0] * len(LATENCY_BOUNDS_NS)
        # Of requests that have ended, not yet in the sums; `_room`: how many it may be.
        self._durations: List[int] = []
        self._room = FOLD
        # By age, since dictionaries keep the order; what was reported as slow moves to `_slow`.
        self._fresh: Dict[int, Flight] = {}
        self._slow: Dict[int, Flight] = {}
        self.quota = self._quota

    @property
    def quota(self) -> int:
        """Requests after which the worker is due; 0 = none."""
        return self._quota

    @quota.setter
    def quota(self, requests: int) -> None:
        self._quota = requests
        self._fold()

    @property
    def ended(self) -> int:
        return self._ended + len(self._durations)

    @property
    def latency_sum_ns(self) -> int:
        self._fold()
        return self._latency_sum_ns

    @property
    def latency_counts(self) -> List[int]:
        """Of each bucket; a request that is longer than the last bound is in none."""
        self._fold()
        return self._latency_counts[:]

    @property
    def in_flight(self) -> int:
        return len(self._fresh) + len(self._slow)

    @property
    def oldest_ns(self) -> int:
        """Start of the oldest request in flight; 0 = none."""
        for flights in (self._slow, self._fresh):
            for start, _describe, _source in flights.values():
                return start
        return 0

    def begin(self, describe: Describe, source: Any) -> int:
        """A request begins; the key by which it ends."""
        key: int = self._next_key()
        self._fresh[key] = (monotonic_ns(), describe, source)
        return key

    def end(self, key: int, failed: bool) -> int:
        """It ends; its duration in nanoseconds, 0 where nothing with this key is in flight."""
        now = monotonic_ns()
        flight = self._fresh.pop(key, None)
        if flight is None:
            flight = self._slow.pop(key, None)
            if flight is None:
                return 0
            duration = now - flight[0]
        else:
            duration = now - flight[0]
            if duration >= self.slow_ns:
                self.on_slow(flight, duration)
        if failed:
            self.errors += 1
        self._durations.append(duration)
        if len(self._durations) >= self._room:
            self._fold()
            if self._ended == self._quota:
                self.on_quota()
        return duration

    def _fold(self) -> None:
        """Adds up the durations. The next one of these may be the one that reaches the quota."""
        durations = self._durations
        durations.sort()
        self._ended += len(durations)
        self._latency_sum_ns += sum(durations)
        below = 0
        for bucket, bound in enumerate(LATENCY_BOUNDS_NS):
            at = bisect_right(durations, bound, below)
            self._latency_counts[bucket] += at - below
            below = at
        durations.clear()
        self._room = min(FOLD, self._quota - self._ended) if self._quota > self._ended else FOLD

    def look_for_slow(self) -> None:
        """Reports what runs for `slow_ns` by now; looks at no more than that, and one."""
        before = monotonic_ns() - self.slow_ns
        late = list(takewhile(lambda item: item[1][0] <= before, self._fresh.items()))
        for key, flight in late:
            self._slow[key] = self._fresh.pop(key)
            self.on_slow(flight, before + self.slow_ns - flight[0])
