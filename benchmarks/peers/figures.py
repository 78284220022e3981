"""What the measured figures are, for people: name, unit, digits, and which goals they serve."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A column of the report."""

    key: str
    label: str
    digits: int = 0
    compared: bool = True  #: its ratio to ours says something
    alike: str = ""  #: only where this figure is the same


COSTS = (
    Figure("idle_kib", "KiB per idle connection", 2),
    Figure("relay_16_us", "µs per message, window 16", 1),
    Figure("relay_1_us", "µs per message, window 1", 1),
    Figure("resume_us", "µs per resume with 20 missed"),
    Figure("churn_us", "µs per connect, resume, drop"),
)
TRAFFIC = (
    Figure("resume_bytes", "resume, nothing missed"),
    Figure("sent_bytes", "message + ack", 1),
    Figure("received_bytes", "received + ack", 1),
    Figure("missed_20_bytes", "resume, 20 missed"),
    Figure("keepalive_bytes", "keepalive"),
    Figure("resume_flights", "client's flights per resume", compared=False),
)
HOUR = (
    Figure("hour_bytes", "bytes, both ways"),
    Figure("hour_ip_bytes", "with the headers of TCP and IP"),
    Figure("hour_wakes", "times that something goes over the air"),
    Figure("hour_awake_s", "s that the radio is awake"),
)
FAILURES = (
    Figure("fsyncs_alone", "fsyncs per acked message, one pair alone", 2, compared=False),
    Figure("fsyncs_1", "100 pairs, window 1", 3, compared=False),
    Figure("fsyncs_16", "window 16", 4, compared=False),
    Figure("kills_acked", "5 SIGKILLs: acked", compared=False),
    Figure("kills_lost", "of these lost", compared=False),
    Figure("kills_doubled", "doubled", compared=False),
    Figure("kills_reordered", "reordered", compared=False),
    Figure("silent_acked", "silent drop: acked", compared=False),
    Figure("silent_lost", "of these lost", compared=False),
    Figure("silent_doubled", "doubled", compared=False),
    Figure("silent_reordered", "reordered", compared=False),
)
STORM = (
    Figure("storm_sessions", "sessions", compared=False),
    Figure("storm_s", "s until all have all", 2, alike="storm_sessions"),
    Figure("storm_ack_p99_ms", "ms ack p99 of the others", alike="storm_sessions"),
    Figure("storm_us", "µs CPU per session"),
    Figure("storm_lost", "lost, or not there after 60 s", compared=False),
    Figure("storm_doubled", "doubled", compared=False),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report."""

    title: str
    figures: tuple[Figure, ...]
    text: str = ""  #: what a reader has to know besides


TABLES = (
    Table("Cost: CPU of the whole process tree, memory", COSTS),
    Table("Bytes, both ways, without TCP, IP and TLS", TRAFFIC),
    Table(
        "An hour of one customer who is mostly idle: 3 messages out, 5 in, 2 changes of network",
        HOUR,
        "Counted on real sockets, with short pauses: each thing that happens, and one keepalive or poll "
        "times as many as the hour has. Keepalives: ours as the SDK paces them on a network it does not "
        "know yet (after 15 s in front; in a pocket after 60 s at first, later up to 600 s); NATS after 120 "
        "s, Socket.IO and Centrifuge every 25 s, as they come; long polls end after 60 s; the rest after "
        "300 s, as it is left to the app. Headers: 52 bytes for each segment that the kernel counts, no "
        "TLS. Over the air: each time that is a second or more after the last. Awake: until 11.6 s after "
        "the last packet (LTE), so a radio that polls never sleeps.",
    ),
    Table("Failures, and what the disk is asked to keep", FAILURES),
    Table(
        "Storm: all sessions dropped at once, 20 messages missed each, others keep talking",
        STORM,
        "Times can be compared between equal numbers of sessions. Fewer where more would take many minutes.",
    ),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What our server wants to reach: a share of a peer's figure in the same run, or a figure."""

    key: str
    label: str
    most: float
    of: str = ""  #: the peer; empty: `most` is absolute
    by: str = ""  #: whose figure it is, where only one way to run our server is meant


GOALS = (
    Goal("idle_kib", "memory per idle TCP connection", 1.0, "mosquitto"),
    Goal("idle_kib", "KiB per idle WebSocket connection", 6, by="imserver-ws"),
    Goal("relay_16_us", "CPU per durable message, window 16", 0.75, "mosquitto"),
    Goal("relay_1_us", "CPU per durable message, window 1", 1.0, "mosquitto"),
    Goal("resume_us", "CPU per resume with 20 missed", 0.4, "mosquitto"),
    Goal("churn_us", "CPU per connect, resume, drop", 0.6, "mosquitto"),
    # The same where mosquitto asks for a password: ours checks a session's secret at every resume.
    Goal("resume_us", "CPU per resume with 20 missed, who comes is checked", 0.4, "mosquitto-guarded"),
    Goal("churn_us", "CPU per connect, resume, drop, who comes is checked", 0.6, "mosquitto-guarded"),
    Goal("resume_bytes", "bytes: resume, nothing missed", 55),
    Goal("resume_flights", "client's flights per resume", 1),
    Goal("sent_bytes", "bytes: message + ack", 62),
    Goal("received_bytes", "bytes: received + ack", 62),
    Goal("missed_20_bytes", "bytes: resume with 20 missed", 1100),
    Goal("keepalive_bytes", "bytes: keepalive", 4),
    Goal("hour_bytes", "an idle customer's hour: bytes", 0.05, "poll-5s"),
    Goal("hour_ip_bytes", "an idle customer's hour: bytes with TCP and IP headers", 0.05, "poll-5s"),
    Goal("hour_wakes", "an idle customer's hour: times that something goes over the air", 0.05, "poll-5s"),
    Goal("storm_s", "storm: seconds until all have all", 15),
    Goal("storm_ack_p99_ms", "storm: ms ack p99 of the others", 1000),
    Goal("storm_lost", "storm: lost", 0),
    Goal("kills_lost", "5 SIGKILLs: acked but lost", 0),
    Goal("kills_doubled", "5 SIGKILLs: doubled", 0),
    Goal("kills_reordered", "5 SIGKILLs: reordered", 0),
    Goal("silent_lost", "silent drop: acked but lost", 0),
    Goal("silent_doubled", "silent drop: doubled", 0),
    Goal("silent_reordered", "silent drop: reordered", 0),
)
