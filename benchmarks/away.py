"""Devices of a filled data directory that were away come back."""

import time
from collections.abc import Sequence
from typing import Final

from benchmarks.clients import Client, Crowd
from benchmarks.filled import MISSED, Away
from imload.lines import source_of

_AT_ONCE: Final = 200


def client_of(url: str, away: Away, index: int = 0) -> Client:
    """Its new connection, with its RESUME queued."""
    client = Client.dial(url, away.user, source_of(index, 0))
    client.session, client.secret, client.epoch = away.session, bytes.fromhex(away.secret), away.epoch
    client.cursor, client.counter, client.results = away.cursor, away.accepted, away.accepted
    client.resume(away.digest, away.span)
    return client


def come_back(url: str, away: Sequence[Away]) -> list[float]:
    """All of them, 200 at a time, until each has what it missed; the ms that each took from `connect` on."""
    taken_ms = []
    for begin in range(0, len(away), _AT_ONCE):
        taken_ms += _some_come_back(url, away[begin : begin + _AT_ONCE], begin)
    return taken_ms


def _some_come_back(url: str, away: Sequence[Away], first: int) -> list[float]:
    begun_s, taken_ms = {}, []

    def note(client: Client, _: object) -> None:
        if client.received == MISSED and client in begun_s:
            taken_ms.append((time.perf_counter() - begun_s.pop(client)) * 1000)

    clients = []
    for index, one in enumerate(away, first):
        at_s = time.perf_counter()
        client = client_of(url, one, index)
        client.on_frame = note
        client.flush()
        begun_s[client] = at_s
        clients.append(client)
    crowd = Crowd(clients)
    crowd.until(lambda: not begun_s)
    crowd.close()
    return taken_ms
