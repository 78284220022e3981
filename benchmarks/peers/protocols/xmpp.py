"""XMPP as mobile clients use it: stream management (XEP-0198) and, where that fails, the archive (XEP-0313).

A client that comes back resumes its stream. When the server does not know it any more, it binds anew and asks
the archive for what follows the last message it has. Messages are told apart by the archive's ids (XEP-0359).
"""

import re
from base64 import b64encode
from typing import Final

from benchmarks.peers.device import Device

DOMAIN: Final = "localhost"
_PAGE: Final = 100
_HEADER = re.compile(r"\s*(?:<\?xml[^>]*\?>|<stream:stream\s[^>]*>)")
_ELEMENT = re.compile(r"\s*<([\w:]+)(?:\s[^>]*?)?(?:/>|>.*?</\1>)", re.DOTALL)
_BODY = re.compile(r"<body>(.*?)</body>", re.DOTALL)
_ARCHIVED = re.compile(r"<stanza-id\s[^>]*\bid=['\"]([^'\"]+)|<result\s[^>]*\bid=['\"]([^'\"]+)")
_NUMBER = re.compile(r"\bh=['\"](\d+)")
_RESUMABLE = re.compile(r"\bid=['\"]([^'\"]+)")
_STREAM = (
    f"<stream:stream to='{DOMAIN}' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
_STANZAS = {"message", "iq", "presence"}


class XmppDevice(Device):
    """Registers at first (XEP-0077), logs in with PLAIN, resumes or binds.

    Args:
        name: the account.
        password: said at every connection.
    """

    def __init__(self, name: str, password: str) -> None:
        super().__init__(name)
        self._password = password
        self._plain = b64encode(f"\0{name}\0{password}".encode()).decode()
        self._registered = False
        self._authenticated = False
        self._known = False  #: it was here before
        self._previous = ""  #: the stream that can be resumed
        self._newest = ""  #: the archive's id of the last message
        self._seen: set[str] = set()
        self._handled = 0
        self._sent = 0  #: stanzas on this stream, those resumed included
        self._acknowledged = 0
        self._queue: list[int] = []  #: what each unacknowledged stanza was: a key of the outbox, or 0
        self._counter = 0
        self._buffer = ""

    def greet(self) -> None:
        self._buffer = ""
        self._authenticated = False
        self._say("<?xml version='1.0'?>" + _STREAM)

    def send(self, to: str, body: bytes) -> None:
        self._counter += 1
        self.outbox[self._counter] = (to, body)
        if self.attached:
            self._post(self._counter)

    def ping(self) -> None:
        """Ask for an acknowledgement, as clients do instead of a ping."""
        self._say("<r xmlns='urn:xmpp:sm:3'/>")

    def receive(self, data: bytes) -> None:
        text = self._buffer + data.decode()
        at = 0
        while header := _HEADER.match(text, at):
            at = header.end()
        while element := _ELEMENT.match(text, at):
            found = element[0]
            if "<result" in found and not found.endswith("</result></message>"):
                # A message within a message: the first end of one is not the end of all.
                end = text.find("</result></message>", at)
                if end < 0:
                    break
                found = text[at : end + len("</result></message>")]
            at += len(found)
            self._take(element[1], found)
            while header := _HEADER.match(text, at):
                at = header.end()
        self._buffer = text[at:]

    def _take(self, name: str, element: str) -> None:
        self._handled += name in _STANZAS
        if name == "message":
            self._message(element)
        elif name == "r":
            self._say(f"<a xmlns='urn:xmpp:sm:3' h='{self._handled}'/>")
        elif name == "a":
            self._settle(element)
            self.pongs += 1
        elif name == "stream:features":
            self._features()
        elif name == "iq":
            self._answer(element)
        elif name == "success":
            self._authenticated = True
            self._say(_STREAM)
        elif name == "resumed":
            self._settle(element)
            self.attached = True
            waiting, self._queue = self._queue, []
            self._sent = self._acknowledged
            for number in waiting:
                self._post(number)
            new = [number for number in self.outbox if number not in set(waiting)]
            for number in new:
                self._post(number)
        elif name == "failed" and self._previous:
            self._previous = ""
            self._bind()
        elif name == "enabled":
            found = _RESUMABLE.search(element)
            self._previous = found[1] if found else ""
            self._handled = self._sent = self._acknowledged = 0
            self._queue = []
            self._catch_up()
        elif name in {"failure", "stream:error", "failed"}:
            self.unreadable = element

    def _features(self) -> None:
        if not self._registered:
            fields = f"<username>{self.name}</username><password>{self._password}</password>"
            self._say(f"<iq type='set' id='g'><query xmlns='jabber:iq:register'>{fields}</query></iq>")
        elif not self._authenticated:
            self._login()
        elif self._previous:
            self._say(f"<resume xmlns='urn:xmpp:sm:3' h='{self._handled}' previd='{self._previous}'/>")
        else:
            self._bind()

    def _login(self) -> None:
        self._say(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{self._plain}</auth>")

    def _bind(self) -> None:
        resource = "<resource>bench</resource>"
        self._say(
            f"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{resource}</bind></iq>"
        )

    def _answer(self, element: str) -> None:
        if re.match(r"<iq\s[^>]*type=['\"]error", element):
            self.unreadable = element
        elif re.match(r"<iq\s[^>]*id=['\"]g", element):
            self._registered = True
            self._login()
        elif re.match(r"<iq\s[^>]*id=['\"]b", element):
            self._say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
        elif "<fin" in element:
            if re.search(r"complete=['\"]true", element):
                self._attach()
            else:
                self._catch_up()

    def _catch_up(self) -> None:
        """Ask the archive for what follows; a new account has none."""
        if not self._known:
            self._known = True
            self._attach()
            return
        after = f"<after>{self._newest}</after>" if self._newest else ""
        page = f"<set xmlns='http://jabber.org/protocol/rsm'><max>{_PAGE}</max>{after}</set>"
        self._stanza(0, f"<iq type='set' id='m'><query xmlns='urn:xmpp:mam:2'>{page}</query></iq>")

    def _attach(self) -> None:
        """Be available: from now on messages come by themselves, those kept for the absent first."""
        self._stanza(0, "<presence/>")
        self.attached = True
        for number in self.outbox:
            self._post(number)

    def _message(self, element: str) -> None:
        body, archived = _BODY.search(element), _ARCHIVED.search(element)
        if archived:
            key = archived[1] or archived[2]
            known = key in self._seen
            self._seen.add(key)
            self._newest = key
            if known:
                return
        if body and not body[1].startswith(f"{self.name}:"):  # the archive holds what one sent, too
            self.received.append(body[1].encode())

    def _settle(self, element: str) -> None:
        number = _NUMBER.search(element)
        handled = int(number[1]) if number else 0
        while self._acknowledged < handled and self._queue:
            self._acknowledged += 1
            key = self._queue.pop(0)
            if key:
                self.acked.append(self.outbox.pop(key)[1])

    def _post(self, number: int) -> None:
        if number not in self.outbox:
            return
        to, body = self.outbox[number]
        text = f"<body>{body.decode()}</body>"
        self._stanza(number, f"<message to='{to}@{DOMAIN}' type='chat' id='{number}'>{text}</message>")
        self._say("<r xmlns='urn:xmpp:sm:3'/>")

    def _stanza(self, number: int, stanza: str) -> None:
        self._sent += 1
        self._queue.append(number)
        self._say(stanza)

    def _say(self, text: str) -> None:
        self.out += text.encode()
