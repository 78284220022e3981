"""`python -m tests.guards`: every figure beside its budget, and the budget it would have now."""

from pathlib import Path
from tempfile import TemporaryDirectory

import trio
import trio.testing

from tests.guards.budgets import BUDGETS, lowered
from tests.guards.measures import all_of_them


async def _main() -> None:
    print(f"{'counted':>10} {'budget':>8} {'would be':>8}")
    with TemporaryDirectory(prefix="guards-") as folder:
        async for name, figure in all_of_them(Path(folder)):
            budget = BUDGETS[name]
            sign = "!" if budget.fault(name, figure) else " "
            print(f"{figure:10.4f} {budget.most:8.4g} {lowered(figure):8.4g} {sign} {name}", flush=True)


trio.run(_main, clock=trio.testing.MockClock())
