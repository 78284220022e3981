"""What the core tells of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreStatistics:
    """What the core holds and has done since it started.

    `compared` counts the resumes whose digest was compared, `diverged` the RESYNCs because histories
    differed, on resume or later, `disk_full` the writes that found no room.
    """

    sessions: int
    attached: int
    users: int
    conversations: int
    commands_pending: int
    commands: int
    batches: int
    connected: int
    resumed: int
    refused: int
    cold_reads: int
    compared: int
    diverged: int
    resyncs: int
    queries: int
    watermarks: int
    disk_full: int
