"""benchmarks: one scenario a file, each a command: `python -m benchmarks idle`, `python -m benchmarks relay`.

- `idle`      memory of a connection that has nothing to say
- `relay`     CPU of a durable message from one app to another
- `server`    the measured process: the real `imserver serve`, its CPU time and memory (`imload.server`)
- `clients`   the generator: many raw clients on one selector, on the sans-IO protocol
- `machine`   what was measured on, and a fixed loop beside each figure, as clocks of shared machines wander
- `imload/`   the load tool, installed as a command: churn, an oracle, reports (docs/load-testing.md)
"""
