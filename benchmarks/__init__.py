"""benchmarks: one scenario a file, each a command: `python -m benchmarks idle`, `python -m benchmarks relay`.

- `idle`      memory of a connection that has nothing to say
- `relay`     CPU of a durable message from one app to another
- `clients`   the generator: many raw clients on one selector, on the sans-IO protocol
- `machine`   which machine and which build of the server a figure comes from
- `imload/`   the load tool, installed as a command: churn, an oracle, reports (docs/load-testing.md);
  `imload.server`: the measured server
- `peers/`    the same work on other servers, side by side (RESULTS.md)
"""
