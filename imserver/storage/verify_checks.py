"""What must hold between the rows of the database, each as a query whose every row is a fault."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A query whose every row is a fault. `wrong` and `keys` are filled in with the row's columns by name."""

    table: str
    keys: str
    wrong: str
    sql: str


#: Records and logs number their rows without a gap, so a fault shows where a row's neighbour is not there.
CHECKS: Final = (
    Check(
        table="ban",
        keys="user {user}",
        wrong="there is no such user",
        sql="SELECT user FROM ban WHERE user NOT IN (SELECT id FROM user)",
    ),
    Check(
        table="record",
        keys="conversation {conversation}, seq {seq}",
        wrong="the record before it is missing",
        sql="""SELECT conversation, seq FROM record r WHERE seq != 1 AND NOT EXISTS (
            SELECT 1 FROM record p WHERE p.conversation = r.conversation AND p.seq = r.seq - 1)""",
    ),
    Check(
        table="record",
        keys="conversation {conversation}",
        wrong="there is no such conversation",
        sql="""SELECT DISTINCT conversation FROM record
            WHERE conversation NOT IN (SELECT id FROM conversation)""",
    ),
    Check(
        table="record",
        keys="conversation {conversation}, seq {seq}",
        wrong="it changes record {target}, which does not come before it",
        sql="SELECT conversation, seq, target FROM record WHERE target >= seq OR target < 0",
    ),
    Check(
        table="record",
        keys="conversation {conversation}, seq {seq}",
        wrong="its author {author} is no user",
        sql="""SELECT conversation, seq, author FROM record
            WHERE author != 0 AND author NOT IN (SELECT id FROM user)""",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="the entry before it is missing",
        # By the row before. Looking for one that ends here reads a log once for each of its rows.
        sql="""SELECT user, position FROM (
                SELECT l.user, l.position, coalesce(lag(l.position + l.count) OVER (
                    PARTITION BY l.user ORDER BY l.position), 1 + coalesce(f.position, 0)) AS expected
                FROM log l LEFT JOIN log_floor f ON f.user = l.user)
            WHERE position != expected""",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="of its {count} records (conversation {conversation}, from seq {seq}) one is missing",
        sql="""SELECT user, position, conversation, seq, count FROM log l WHERE reader IS NULL AND count != (
            SELECT count(*) FROM record r WHERE r.conversation = l.conversation
                AND r.seq BETWEEN l.seq AND l.seq + l.count - 1)""",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="it claims {count} positions",
        sql="SELECT user, position, count FROM log WHERE count < 1 OR (reader IS NOT NULL AND count != 1)",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="its read mark {seq} is beyond the head of conversation {conversation}",
        sql="""SELECT user, position, conversation, seq FROM log l WHERE reader IS NOT NULL AND seq >
            coalesce((SELECT max(r.seq) FROM record r WHERE r.conversation = l.conversation), -1)""",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="record {seq} of conversation {conversation} stands in this log twice or out of order",
        sql="""SELECT user, position, conversation, seq FROM (
                SELECT user, position, conversation, seq, lag(seq + count - 1) OVER (
                    PARTITION BY user, conversation ORDER BY position) AS before
                FROM log WHERE reader IS NULL)
            WHERE before >= seq""",
    ),
    Check(
        table="log",
        keys="user {user}, position {position}",
        wrong="bytes_total does not rise",
        sql="""SELECT user, position FROM (
                SELECT l.user, l.position, l.bytes_total, coalesce(lag(l.bytes_total) OVER (
                    PARTITION BY l.user ORDER BY l.position), f.bytes_total, 0) AS before
                FROM log l LEFT JOIN log_floor f ON f.user = l.user)
            WHERE bytes_total <= before""",
    ),
    # Where a log holds anything of a conversation, it holds all of it from there on; where nothing was
    # trimmed, from the member's first record on. NOT IN is uncorrelated: SQLite makes an
    # index for it, as the log has none by conversation.
    Check(
        table="log",
        keys="user {user}",
        wrong="record {seq} of conversation {conversation} is missing to a member since {first}",
        sql="""SELECT m.user, m.conversation, m.first, r.seq
            FROM member m JOIN record r ON r.conversation = m.conversation
            JOIN (SELECT l.user, l.conversation, min(l.seq) AS lowest FROM log l WHERE l.reader IS NULL
                GROUP BY l.user, l.conversation) h ON h.user = m.user AND h.conversation = m.conversation
            LEFT JOIN log_floor f ON f.user = m.user
            WHERE r.seq >= CASE WHEN f.position IS NULL THEN m.first ELSE max(m.first, h.lowest) END
            AND (m.user, m.conversation, r.seq) NOT IN (
                SELECT l.user, l.conversation, e.seq FROM log l
                JOIN record e ON e.conversation = l.conversation
                    AND e.seq BETWEEN l.seq AND l.seq + l.count - 1
                WHERE l.reader IS NULL)""",
    ),
    Check(
        table="log",
        keys="user {user}",
        wrong="conversation {conversation} is missing to a member since {first}",
        sql="""SELECT m.user, m.conversation, m.first FROM member m
            WHERE NOT EXISTS (SELECT 1 FROM log_floor f WHERE f.user = m.user)
            AND (m.user, m.conversation) NOT IN (SELECT user, conversation FROM log)
            AND m.first <= (SELECT max(seq) FROM record r WHERE r.conversation = m.conversation)""",
    ),
    Check(
        table="member",
        keys="conversation {conversation}, user {user}",
        wrong="first {first}, read {read}, delivered {delivered} do not fit the head {head}",
        sql="""SELECT * FROM (SELECT m.*, coalesce((SELECT max(seq) FROM record r
                WHERE r.conversation = m.conversation), 0) AS head FROM member m)
            WHERE first > head + 1 OR first < 1 OR read > head OR delivered > head""",
    ),
    Check(
        table="member",
        keys="conversation {conversation}, user {user}",
        wrong="there is no such conversation or no such user in its app",
        sql="""SELECT conversation, user FROM member m WHERE NOT EXISTS (
            SELECT 1 FROM conversation c JOIN user u ON u.app = c.app
            WHERE c.id = m.conversation AND u.id = m.user)""",
    ),
    Check(
        table="conversation",
        keys="id {id}",
        wrong="its users {user_a} and {user_b} are not two of its app in rising order",
        sql="""SELECT id, user_a, user_b FROM conversation c WHERE (user_a != 0 OR user_b != 0) AND (
            user_a >= user_b OR 2 != (SELECT count(*) FROM user u
                WHERE u.app = c.app AND u.id IN (user_a, user_b)))""",
    ),
    Check(
        table="device",
        keys="id {id}",
        wrong="acked {acked} is beyond the log's head {head}",
        sql="""SELECT * FROM (SELECT d.id, d.acked, max(
                coalesce((SELECT max(position + count - 1) FROM log l WHERE l.user = d.user), 0),
                coalesce((SELECT position FROM log_floor f WHERE f.user = d.user), 0)) AS head FROM device d)
            WHERE acked > head""",
    ),
    Check(
        table="media",
        keys="conversation {conversation}, seq {seq}",
        wrong="there is no such record, or its app has no blob {sha256}",
        sql="""SELECT conversation, seq, lower(hex(sha256)) AS sha256 FROM media s WHERE NOT EXISTS (
            SELECT 1 FROM record r JOIN conversation c ON c.id = r.conversation
            JOIN blob b ON b.app = c.app AND b.sha256 = s.sha256
            WHERE r.conversation = s.conversation AND r.seq = s.seq)""",
    ),
    Check(
        table="blob",
        keys="app {app}, sha256 {sha256}",
        wrong="its thumbnail {thumbnail} is no blob of the app",
        sql="""SELECT app, lower(hex(sha256)) AS sha256, lower(hex(thumbnail)) AS thumbnail FROM blob b
            WHERE thumbnail IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM blob t WHERE t.app = b.app AND t.sha256 = b.thumbnail)""",
    ),
)
