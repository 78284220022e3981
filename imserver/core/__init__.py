"""core: the domain. `bytes -> frame -> command -> log append -> cursor pull -> frame -> bytes`.

This room is the middle.

- `core`           the front door: hello, receive, writable, lost; statistics; run
- `attach`         CONNECT and RESUME: from a token or a secret to an attached session; `admission` bounds
  them; `revoking`: how the shop ends sessions and bans
- `sessions`       a session's two streams; `registry`: exactly one object a device
- `commit`         group commit: gather facts, decide, append, publish; `gather`, `decide` are its first two
  steps, `groups` the part of deciding that moves members; `facts`, `pending`: what travels between them
- `conversations`  who is a member, in memory; `names`: user ids
- `delivery`       doorbell and pull, `users`: logs' heads and hot tails
- `answers`        queries; `signals`: typing, presence, receipts; `watermarks`: what may lag
- `links`          what a connection must offer; `media_desk`: what the media room must offer
- `upkeep`         retention, sliding expiry; `statistics`; `churn`: for whoever watches connections
- `tokens`, `clock`, `limits`

Everything that happens to a user is an entry in that user's log; everything that follows along is a cursor.
"""

from imserver.core.churn import NOBODY, ChurnWatcher
from imserver.core.clock import Clock, SystemClock
from imserver.core.core import Core
from imserver.core.limits import CoreLimits
from imserver.core.links import FlushList, Link
from imserver.core.media_desk import MediaDesk, MediaRefused
from imserver.core.sessions import Session
from imserver.core.statistics import CoreStatistics
from imserver.core.tokens import Identity, TokenRefused, TokenVerifier, sign_token

__all__ = [
    "NOBODY",
    "ChurnWatcher",
    "Clock",
    "Core",
    "CoreLimits",
    "CoreStatistics",
    "FlushList",
    "Identity",
    "Link",
    "MediaDesk",
    "MediaRefused",
    "Session",
    "SystemClock",
    "TokenRefused",
    "TokenVerifier",
    "sign_token",
]
