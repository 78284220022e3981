"""benchmarks: one scenario a file, each a command: `python -m benchmarks idle`, `python -m benchmarks relay`.

- `idle`      memory of a connection that has nothing to say
- `relay`     CPU of a durable message from one app to another
- `growth`    the same with more connections, and with more stored messages; minutes, and gigabytes of disk
- `start`     from the launch of the process to the first byte, with stored messages, killed, with cold caches
- `sdk`       what a message costs the phone: CPU, bytes, disk, memory
- `digest`    what proofs of completeness cost
- `clients`   the generator: many raw clients on one selector, on the sans-IO protocol
- `traffic`   posts between its clients, each with a window
- `filled`    data directories with many messages; `away`: devices in them that come back
- `figures`   how runs are printed
- `machine`   which machine and which build of the server a figure comes from
- `imload/`   the load tool, installed as a command: churn, an oracle, reports (docs/load-testing.md);
  `imload.server`: the measured server
- `peers/`    the same work on other servers, side by side (RESULTS.md)
"""
