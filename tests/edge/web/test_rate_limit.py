"""A client may send a burst at once and a little all the time; others are not affected."""

from __future__ import annotations

from birdedge.edge.web.rate_limit import MAX_CLIENTS, RateLimit


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_allowed_and_then_requests_at_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(per_s=2.0, burst=3, clock=clock)
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False]
    assert limit.take("b")
    clock.now_s += 0.5
    assert limit.has_room("a")
    assert [limit.take("a") for _ in range(2)] == [True, False]
    clock.now_s += 1000.0
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False]


def test_a_refused_request_does_not_delay_the_next_one() -> None:
    clock = Clock()
    limit = RateLimit(per_s=1.0, burst=1, clock=clock)
    assert limit.take("a")
    for _ in range(9):
        clock.now_s += 0.1
        assert not limit.take("a")
    clock.now_s += 0.2
    assert limit.take("a")


def test_addresses_of_one_network_count_as_one_client() -> None:
    limit = RateLimit(per_s=1e-9, burst=1)
    assert limit.take("2001:db8::1")
    assert not limit.take("2001:db8::ffff:2")
    assert limit.take("2001:db8:0:1::1")
    assert limit.take("fe80::1%eth0")
    assert limit.take("10.0.0.1")
    assert not limit.take("::ffff:10.0.0.1")
    assert limit.take("unix")


def test_memory_is_bounded_for_any_number_of_clients() -> None:
    clock = Clock()
    limit = RateLimit(per_s=1.0, burst=1, clock=clock)
    for number in range(3 * MAX_CLIENTS):
        clock.now_s += 1e-4
        limit.take(f"host {number}")
    assert len(limit._buckets) <= MAX_CLIENTS
    assert not limit.take(f"host {3 * MAX_CLIENTS - 1}")
