"""Plans that hypothesis makes up and shrinks, beside those that are drawn from seeds."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imserver.sim.plan import CAST, FAULTS, WORK, Event, Plan
from imserver.sim.runs import run_plan
from imserver.sim.shrink import shrink

DURATION_S = 120.0

events = st.builds(
    Event,
    at_s=st.floats(2, DURATION_S, allow_nan=False).map(lambda at_s: round(at_s, 3)),
    kind=st.sampled_from([*WORK, *FAULTS]),
    who=st.integers(0, len(CAST) - 1),
    draw=st.integers(0, 2**32 - 1),
    span_s=st.sampled_from((0.05, 0.5, 3.0, 15.0, 60.0)),
)
plans = st.builds(
    lambda seed, phones, found: Plan(
        seed=seed,
        cast=CAST[:phones],
        events=tuple(sorted(found, key=lambda event: event.at_s)),
        duration_s=DURATION_S,
    ),
    st.integers(0, 2**32 - 1),
    st.integers(2, len(CAST)),
    st.lists(events, max_size=40),
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(plans)
def test_every_promise_is_kept_whatever_the_plan(plan: Plan) -> None:
    assert not run_plan(plan).violation


def test_a_failing_plan_shrinks_to_the_events_that_matter() -> None:
    needed = [Event(at_s=float(n), kind="post", who=0, draw=n, span_s=1.0) for n in (7, 23)]
    others = [Event(at_s=float(n), kind="read", who=1, draw=n, span_s=1.0) for n in range(40)]
    plan = Plan(seed=1, cast=CAST[:2], events=tuple(sorted(needed + others, key=lambda event: event.at_s)))
    small = shrink(plan, lambda some: all(event in some.events for event in needed))
    assert list(small.events) == needed
