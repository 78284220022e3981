"""The store of bots and tests: nothing outlives the process."""

from imsdk.store.sqlite import SqliteStore


class MemoryStore(SqliteStore):
    """A store in memory.

    It is SQLite's in-memory database run inline, so it behaves as the durable one in everything but
    durability; a second implementation of the same rules would be a second place for mistakes.
    """

    def __init__(self) -> None:
        super().__init__(None)
