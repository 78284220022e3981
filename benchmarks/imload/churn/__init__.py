"""churn: what happens to connections, each a source of outages.

- `outage`    one device, from when to when, how it goes and comes back
- `models`    lift, tunnel, hand-over, doze, app kill, power-off, flapping: settings and draws
- `storms`    many at once, the server's own restarts included
- `traces`    cellular links: Mahimahi's format, CSV bins, the built-in drives
- `recorded`  a server's churn log
"""
