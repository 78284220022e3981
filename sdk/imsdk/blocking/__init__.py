"""imsdk.blocking: the same chat for apps without an event loop.

    with imsdk.blocking.connect(url, token=token, data_dir="chat/alice", on_message=show) as im:
        chat = im.conversation(with_user="bob")
        sent = chat.send("Hello")            # durable in the outbox
        sent.acked(timeout_s=30)             # durable on the server

Calls may come from any thread, and from inside a callback. Callbacks run one after the other on one thread of
their own; what they raise is logged and stops nothing. A message is marked done when `on_message` has
returned without an error, so an app killed in between gets it again (at least once). So
does one on a device that had no room for the mark, unless a later message was marked.

Rooms: `portal` (the loop's thread, and how calls get there and back), `callbacks` (the callbacks' thread),
`client`, `conversation` and `sent` (what the app holds).
"""

from imsdk.blocking.client import Client, connect
from imsdk.blocking.conversation import Conversation
from imsdk.blocking.sent import Sent

__all__ = ["Client", "Conversation", "Sent", "connect"]
