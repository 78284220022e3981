"""The local store: what a client keeps.

- `store`       the interface, on one page; `rows` what goes in and out
- `sqlite`      the durable store; `memory` the same without a disk
- `schema`      tables and migrations; `lock` one process a folder
- `projection`  applies log entries; `members`, `spans` (which numbers are here), `feed` (what the app sees,
  in order)
- `outbox`      commands until their result
- `snapshot`    taking over the server's word after a RESYNC
- `reading`     conversation list, messages, history
"""

from imsdk.store.memory import MemoryStore
from imsdk.store.sqlite import SqliteStore
from imsdk.store.store import Store

__all__ = ["MemoryStore", "SqliteStore", "Store"]
