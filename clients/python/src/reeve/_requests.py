"""Counts requests: what is in flight, since when, how long it took. Does no I/O itself."""
from __future__ import annotations

from bisect import bisect_left
from itertools import takewhile
from time import monotonic_ns
from typing import Any, Callable, Dict, List, Tuple

from ._protocol import LATENCY_BOUNDS_NS, LATENCY_BUCKETS

# (method, target) of what a middleware was called with; asked for only where a request is slow.
Describe = Callable[[Any], Tuple[str, str]]
Flight = Tuple[int, Describe, Any]


def _nobody(*_arguments: object) -> None:
    """Where nobody wants to know."""


class Requests:
    """Counters since the start of the process image.

    `on_slow(flight, duration_ns)` is called once for each request that takes `slow_ns` or longer:
    by `look_for_slow` while it runs, else when it ends. `on_quota()` is called when the request
    ends that reaches `quota`.
    """

    def __init__(self) -> None:
        self.quota = 0
        self.slow_ns = 0
        self.on_slow: Callable[[Flight, int], None] = _nobody
        self.on_quota: Callable[[], None] = _nobody
        self._last = 0
        self.reset()

    def reset(self) -> None:
        """All counters from zero, as in a child made by fork; its parent's requests are not its."""
        self.ended = 0
        self.errors = 0
        self.connections = 0
        self.latency_sum_ns = 0
        # One more than there are bounds: requests that are in none of the buckets.
        self._latency_counts: List[int] = [0] * (LATENCY_BUCKETS + 1)
        # By age, since dictionaries keep the order; what was reported as slow moves to `_slow`.
        self._fresh: Dict[int, Flight] = {}
        self._slow: Dict[int, Flight] = {}

    @property
    def in_flight(self) -> int:
        return len(self._fresh) + len(self._slow)

    @property
    def latency_counts(self) -> List[int]:
        return self._latency_counts[:LATENCY_BUCKETS]

    @property
    def oldest_ns(self) -> int:
        """Start of the oldest request in flight; 0 = none."""
        for flights in (self._slow, self._fresh):
            for start, _describe, _source in flights.values():
                return start
        return 0

    def begin(self, describe: Describe, source: Any) -> int:
        """A request begins; the key by which it ends."""
        self._last = key = self._last + 1
        self._fresh[key] = (monotonic_ns(), describe, source)
        return key

    def end(self, key: int, failed: bool) -> int:
        """It ends; its duration in nanoseconds, 0 where nothing with this key is in flight."""
        flight = self._fresh.pop(key, None)
        reported = flight is None
        if flight is None:
            flight = self._slow.pop(key, None)
            if flight is None:
                return 0
        duration = monotonic_ns() - flight[0]
        self.ended += 1
        self.latency_sum_ns += duration
        self._latency_counts[bisect_left(LATENCY_BOUNDS_NS, duration)] += 1
        if failed:
            self.errors += 1
        if self.slow_ns and duration >= self.slow_ns and not reported:
            self.on_slow(flight, duration)
        if self.ended == self.quota:
            self.on_quota()
        return duration

    def look_for_slow(self) -> None:
        """Reports what runs for `slow_ns` by now; looks at no more than that, and one."""
        if not self.slow_ns:
            return
        before = monotonic_ns() - self.slow_ns
        late = list(takewhile(lambda item: item[1][0] <= before, self._fresh.items()))
        for key, flight in late:
            self._slow[key] = self._fresh.pop(key)
            self.on_slow(flight, before + self.slow_ns - flight[0])
