"""imload: trace-driven load with an oracle. Built on the sans-IO protocol; knows the SDK not at all.

What happens is decided before it begins (same file, same seed, same load):

- `scenario`    a TOML file's contents, `scenario_file` reads one, `library` has those that come along
- `people`      who there is and who talks to whom; `talk` when; `parcels` what
- `churn/`      what happens to connections: models, storms, cellular traces, a server's recordings
- `schedule`    all of it as lists in order of time; `replaying`: a scenario from a recording

Then it is played:

- `device`      one device without I/O: `outbox` and `inbox` are its streams, `credentials`, `address_book`,
  `composer` and `media_shelf` keep back what cannot be posted yet (`blob`, `uploads`), `snapshot` after
  RESYNC, `resuming` measures its way back, `radio` counts its wake-ups
- `wire`        its socket, TLS, WebSocket; `lines` connects, cuts off, brings back (`retrying`, `leftovers`)
- `pump`        one selector and one heap of timers for all; `driver` plays a schedule on it
- `player`      one process's part; `parts`: several processes in step

And judged:

- `ledger`      the oracle: every message accounted for
- `tally`       counts, bytes, durations (`histogram`); `storm_watch`; `processes`: CPU and memory by pid
- `monitor`     a line a second, the server's storms; `results`, `result_file`, `summary`, `view`, `compare`,
  `report`
- `run`         all together; `where`: which server, `server`: the tool's own; `commands`, `cli`
"""
