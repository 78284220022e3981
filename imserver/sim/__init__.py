"""sim: the whole system in one deterministic run, with everything around it failing.

The real pump, links and core, the real SDK with its real SQL, on a simulated network, clock and disk. One
seed is one world: the same seed gives the same trace, byte for byte, in any process.

- `deterministic`  one `trio.run` whose scheduler, clock and random sources hang on the seed
- `plan`, `days`   what happens in a world: events drawn from the seed; `shrink` makes a failing one small
- `world`          carries a plan out: `server` and `phone` are its processes, `incidents` what befalls them
- `pipes`, `sockets`, `selector`, `stream`   the network, from bytes to what each end sees
- `buggify`        named sites that make the rare common
- `model`, `watch`, `verdict`                what must hold: while it runs, and when the faults have stopped
- `runs`, `watchdog`, `command`, `ledger`    many seeds, counted; `imserver sim`
"""

from imserver.sim.plan import Event, Plan, draw_plan
from imserver.sim.runs import Outcome, run_plan, run_seed

__all__ = ["Event", "Outcome", "Plan", "draw_plan", "run_plan", "run_seed"]
