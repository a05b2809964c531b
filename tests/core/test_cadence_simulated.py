"""A month of ten thousand parcels: no quota is ever exceeded, and parcels in customs are seen in time where the plan allows."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.cadence import PLANS, Plan, Roads, lives, simulate
from benchmarks.limiter import HOUR, Limiter
from workers.core.limits import Quota

DAYS = 31
QUOTAS = st.one_of(
    st.integers(20, 1500).map(lambda n: Quota("calls", n, "day")),
    st.integers(1, 60).map(lambda n: Quota("calls", n, "hour")),
    st.integers(100, 20_000).map(lambda n: Quota("calls", n, "month")),
)


@cache
def roads(parcels: int) -> Roads:
    return lives(parcels, DAYS, seed=1)


ANY = (QUOTAS, st.sampled_from([1, 2, 5]), st.booleans(), st.sampled_from([0.2, 1.0, 5.0]))


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(*ANY)
def test_no_quota_is_exceeded_in_a_month_of_ten_thousand_parcels(
    quota: Quota, batch: int, each: bool, rate: float
) -> None:
    kept(quota, batch, each=each, rate=rate)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(*ANY)
def test_no_quota_is_exceeded_in_many_such_months(quota: Quota, batch: int, each: bool, rate: float) -> None:
    kept(quota, batch, each=each, rate=rate)


def kept(quota: Quota, batch: int, *, each: bool, rate: float) -> None:
    plan = Plan("any", rate, batch, (quota,), each)
    month = simulate(plan, roads(10_000), days=DAYS, pacing=6 * HOUR)
    assert not month.exceeded
    assert month.worst[quota.per] <= quota.most
    assert month.calls > 0.5 * quota.most, "it was used, not only kept"


def test_parcels_in_customs_are_seen_every_two_hours_where_the_quota_allows() -> None:
    plan = Plan(
        "scarce", 1.0, 50, (Quota("calls", 500, "day"),)
    )  # carries all in customs, and not all wishes
    month = simulate(plan, roads(1_000), days=DAYS, pacing=6 * HOUR)
    assert not month.exceeded
    assert len(month.gaps) > 5_000
    assert month.share(2 * HOUR) > 0.995
    assert month.unseen == 0


def test_where_even_customs_is_too_much_nobody_is_forgotten() -> None:
    plan = Plan("far too little", 0.2, 5, (Quota("calls", 250, "day"),), each=True)
    month = simulate(plan, roads(1_000), days=DAYS, pacing=6 * HOUR)
    assert not month.exceeded
    assert month.unseen == 0


def test_a_limiter_that_does_not_count_is_found_out() -> None:
    class Careless(Limiter):
        def _spend(self, now: int) -> None:
            self.calls += 1

    plan = Plan("scarce", 1.0, 1, (Quota("calls", 100, "day"),), each=True)
    careless = Careless(rate=plan.rate, batch=plan.batch, quota=plan.quota, each=True)
    assert simulate(plan, roads(1_000), days=3, limiter=careless).exceeded


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.name} {plan.parcels}")
def test_every_plan_of_the_table_keeps_its_quota(plan: Plan) -> None:
    month = simulate(plan, lives(plan.parcels, DAYS, seed=2), days=DAYS)
    assert not month.exceeded
    assert month.moves > 0
