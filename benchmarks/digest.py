"""What proofs cost: CPU per message for its digest, per device for its term; beside a cryptographic hash."""

from hashlib import blake2b
from timeit import timeit

from improtocol.digest import record_digest, term_of
from improtocol.values import pack

ROUNDS = 200_000
REPEATS = 5
AT_MS = 1_767_225_600_000
CONVERSATION = 2**52 + 12_345


def main(_: list[str]) -> None:
    """Print the best of a few repeats, in microseconds; the empty call is taken off."""
    payload = pack("x" * 45)
    said = bytes(24) + payload
    costs = {
        "nothing": lambda: None,
        "digest of a message of 45 bytes": lambda: record_digest(0, AT_MS, "agent-7", CONVERSATION, payload),
        "term": lambda: term_of(0x12345678, 3_000),
        "BLAKE2b of the same bytes": lambda: blake2b(said, digest_size=4).digest(),
    }
    best = {
        name: min(timeit(call, number=ROUNDS) for _ in range(REPEATS)) / ROUNDS * 1e6
        for name, call in costs.items()
    }
    for name, cost in best.items():
        if name != "nothing":
            print(f"{name}: {cost - best['nothing']:.2f} us")
