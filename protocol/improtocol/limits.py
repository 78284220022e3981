"""Every number the wire protocol fixes, with its unit last in the name.

Both ends enforce the same numbers. Relations between them are asserted at the bottom, in one place.
"""

from typing import Final

PROTOCOL_VERSION: Final = 1

#: Integers stay within what JavaScript reads exactly (IEEE 754 doubles, 53-bit significand).
INT_MAX: Final = 2**53 - 1

# Framing -----------------------------------------------------------------------------------------
#: A varint of three bytes can announce at most 2^21 - 1 bytes.
LENGTH_PREFIX_BYTES_MAX: Final = 3
#: The largest frame once a session is attached.
FRAME_BYTES_MAX: Final = 256 * 1024
#: The largest frame from a peer that has not proved who it is.
FRAME_BYTES_PREAUTH_MAX: Final = 4 * 1024
#: How deep arrays and maps may nest inside a frame, the frame itself being the first level. The deepest is
#: an edit to the app's own data in a history page: frame, page, entries, entry, payload, body, fields, then
#: the data.
NESTING_MAX: Final = 12
#: How deep the data of a custom message may nest.
CUSTOM_NESTING_MAX: Final = 5
#: Elements of one array or map inside a frame, a batch of events or a member list included.
ELEMENTS_MAX: Final = 4096
#: Values in one frame to a server: its array and every element, key and value in it, arrays and maps too.
#: Decoded, as many take less than 1 MiB. The most that a client has to say is a custom message.
VALUES_MAX: Final = 5 * 1024

# Identity ----------------------------------------------------------------------------------------
TOKEN_BYTES_MAX: Final = 3 * 1024
USER_BYTES_MAX: Final = 128
DEVICE_BYTES_MAX: Final = 64
SECRET_BYTES: Final = 16

# Command stream (client to server) ---------------------------------------------------------------
#: Commands a client may have sent without having their result. The server remembers that many results per
#: session, so a retry inside the window always gets its original result.
COMMANDS_IN_FLIGHT_MAX: Final = 32
#: Counters travel as their low bits, like a QUIC packet number (RFC 9000, 17.1): both ends know the next one.
COUNTER_WIRE_BITS: Final = 7

# Event stream (server to client) -----------------------------------------------------------------
#: Log positions the server may have sent beyond the last acknowledged one.
EVENTS_IN_FLIGHT_MAX: Final = 256
#: Bytes of event frames the server may have sent beyond the last acknowledged position, before it waits.
EVENT_BYTES_IN_FLIGHT_MAX: Final = 256 * 1024
#: Entries in one EVENTS frame.
EVENTS_PER_FRAME_MAX: Final = 128
#: Once a frame of entries has this many bytes it is closed and the next one begun.
EVENTS_FRAME_BYTES_SOFT_MAX: Final = 32 * 1024
#: Positions before the cursor that RESUME and CONNECT may ask to compare.
DIGEST_SPAN_MAX: Final = 4096

# Content -----------------------------------------------------------------------------------------
#: A body (one message's content with its reply and mentions) as msgpack.
BODY_BYTES_MAX: Final = 64 * 1024
TEXT_BYTES_MAX: Final = 32 * 1024
NAME_BYTES_MAX: Final = 255
LABEL_BYTES_MAX: Final = 1024
URL_BYTES_MAX: Final = 2048
MIME_BYTES_MAX: Final = 127
CARD_BUTTONS_MAX: Final = 6
CUSTOM_BYTES_MAX: Final = 32 * 1024
#: Values in the data of a custom message, counted as in a frame.
CUSTOM_VALUES_MAX: Final = 4096
PREVIEW_BYTES_MAX: Final = 32 * 32
MENTIONS_MAX: Final = 100
EMOJI_BYTES_MAX: Final = 64
MEDIA_ID_BYTES: Final = 32
MEDIA_BYTES_MAX: Final = 100 * 1024 * 1024
SIDE_PIXELS_MAX: Final = 65_535
DURATION_MS_MAX: Final = 24 * 3600 * 1000

# Conversations -----------------------------------------------------------------------------------
TITLE_BYTES_MAX: Final = 255
MEMBERS_MAX: Final = 1000
USERS_PER_COMMAND_MAX: Final = 500
PAGE_MAX: Final = 200
WATCHED_USERS_MAX: Final = 200

# Time --------------------------------------------------------------------------------------------
#: A connection that has not attached a session by then is closed.
HANDSHAKE_S_MAX: Final = 5
#: First keepalive interval of a network label; the model is Mars' smart heartbeat (Tencent/mars,
#: stn/src/smart_heartbeat).
PING_INTERVAL_S_START: Final = 60
PING_INTERVAL_S_MIN: Final = 15
PING_INTERVAL_S_MAX: Final = 600
#: The server hangs up a connection it heard nothing from for this long, unless it announced another value.
IDLE_S_MAX: Final = 660
#: The longest retry time a CLOSE may ask for.
RETRY_AFTER_MS_MAX: Final = 3600 * 1000
REASON_BYTES_MAX: Final = 512

assert FRAME_BYTES_MAX < 2 ** (7 * LENGTH_PREFIX_BYTES_MAX)
assert TOKEN_BYTES_MAX + DEVICE_BYTES_MAX + 64 < FRAME_BYTES_PREAUTH_MAX
assert BODY_BYTES_MAX + EVENTS_FRAME_BYTES_SOFT_MAX + 1024 < FRAME_BYTES_MAX
assert CUSTOM_NESTING_MAX + 7 == NESTING_MAX
assert TEXT_BYTES_MAX < BODY_BYTES_MAX
assert CUSTOM_BYTES_MAX < BODY_BYTES_MAX
assert max(CUSTOM_VALUES_MAX + MENTIONS_MAX, USERS_PER_COMMAND_MAX, WATCHED_USERS_MAX) + 32 <= VALUES_MAX
assert FRAME_BYTES_PREAUTH_MAX <= VALUES_MAX, "of as many bytes nobody needs to count the values"
assert COMMANDS_IN_FLIGHT_MAX < 2 ** (COUNTER_WIRE_BITS - 1), "a truncated counter must stay unambiguous"
assert PING_INTERVAL_S_MIN <= PING_INTERVAL_S_START <= PING_INTERVAL_S_MAX < IDLE_S_MAX
assert EVENTS_IN_FLIGHT_MAX < DIGEST_SPAN_MAX
assert EVENTS_PER_FRAME_MAX <= EVENTS_IN_FLIGHT_MAX < ELEMENTS_MAX
assert PAGE_MAX <= ELEMENTS_MAX
assert MEMBERS_MAX <= ELEMENTS_MAX
assert MEMBERS_MAX * (USER_BYTES_MAX + 8) < FRAME_BYTES_MAX, "a page of all members must fit a frame"
