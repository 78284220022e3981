"""The core's numbers, with their units last, and the relations between them."""

from dataclasses import dataclass
from typing import Final

from improtocol import limits as protocol_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreLimits:
    """Bounds of everything the core queues or keeps. The defaults suit one machine with a few GiB."""

    #: Commands in one commit. Bigger batches gain nothing and make the first of them wait.
    batch_commands_max: int = 2048
    #: Commands waiting for a commit, over all sessions; beyond, they are refused with a retry time.
    commands_pending_max: int = 50_000
    #: Users and sessions kept in memory after their last connection went, so that a quick resume touches no
    #: disk.
    users_cached_max: int = 20_000
    conversations_cached_max: int = 50_000
    #: Of all these conversations together; a member takes about 200 bytes.
    members_cached_max: int = 500_000
    #: The newest entries of a user's log kept in memory.
    tail_entries_max: int = 64
    #: Log ranges read from the store at once; as many lookups for the commands of one batch.
    cold_reads_max: int = 32
    #: Queries answered at once, in all and of one session.
    queries_max: int = 32
    queries_per_session_max: int = 8
    queries_waiting_max: int = 4096
    #: Resumes looked up in one read, and logins stored in one transaction.
    lookups_per_read_max: int = 256
    logins_per_commit_max: int = 32
    #: CONNECTs and RESUMEs admitted per second, and at once (token buckets).
    connects_per_s: float = 500.0
    connects_burst: float = 1000.0
    resumes_per_s: float = 5000.0
    resumes_burst: float = 10_000.0
    #: Read marks and delivered watermarks of conversations with more members than this are not pushed.
    receipts_members_max: int = 20
    #: Authors are told this long after that messages were delivered, once for all that were meanwhile.
    delivered_wait_s: float = 0.25
    #: A user is shown as gone once no device was connected for this long: lifts and tunnels are not goodbyes.
    presence_grace_s: float = 20.0
    #: How long a session lives after its last use.
    session_days: int = 30
    #: Retry time for what a full disk refused.
    disk_full_retry_ms: int = 2000
    #: Own entries a device may skip silently before it is told to move its cursor.
    silent_positions_max: int = 64
    #: What a log keeps for cursors that are away.
    log_days: int = 90
    log_positions_max: int = 100_000

    def __post_init__(self) -> None:
        if self.silent_positions_max >= protocol_limits.EVENTS_IN_FLIGHT_MAX:
            raise ValueError("silent_positions_max must stay below the event window")
        if self.tail_entries_max < 1 or self.batch_commands_max < 1:
            raise ValueError("limits must be at least 1")


DAY_MS: Final = 24 * 3600 * 1000
