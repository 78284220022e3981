"""benchmarks.peers: the same workloads against other servers and ours, in turns: `make bench-peers`.

- `device`, `peer`   the adapter page: an app as the peer's protocol sees it; a server that can be started
- `protocols/`       small clients, one protocol each, bytes in and bytes out
- `servers/`         peers: how each is started, configured, and what it promises
- `rhythm`           how long an app is silent
- `pump`, `process`  the generator's sockets; the server's process tree
- `stage`            one running peer with apps around it
- `workloads/`       what is measured, the same steps for every peer
- `accounting`       the oracle: what became of every acknowledged message
- `samples`, `figures`, `report`   raw figures, what they mean, RESULTS.md

Server CPU is the user and system time of the whole process tree; memory its proportional set size. Absolute
figures of shared machines wander, so peers take turns within a run, and what counts are ratios to our
server's figures of the same run.
"""
