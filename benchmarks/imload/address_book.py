"""How one device refers to its chats: a direct one by the peer's name until its id is known."""

from imload.book import Book
from imload.people import Chat, Person
from imload.schedule import Posting
from improtocol import Entry, unpack
from improtocol.commands import ConversationRef


class AddressBook:
    """The chats of one device.

    Args:
        person: whose.
        book: the run's terms.
    """

    __slots__ = ("_book", "_held", "_person", "_refs")

    def __init__(self, person: Person, book: Book) -> None:
        self._person = person
        self._book = book
        self._refs: dict[int, ConversationRef] = {}
        self._held: list[Posting] = []

    @property
    def holds(self) -> int:
        """How many postings wait for a group."""
        return len(self._held)

    def knows(self, chat: Chat, conversation: int) -> None:
        """From now on `chat` is called `conversation`."""
        self._refs[chat.number] = conversation

    def ref(self, posting: Posting) -> ConversationRef | None:
        """How to call the chat of `posting`. None: not yet; `created` gives it back."""
        chat = self._book.people.chats[posting.chat]
        ref = self._refs.get(chat.number)
        if ref is None and chat.group:
            self._held.append(posting)  # until this device hears that the group is there
            return None
        if ref is None:
            other = chat.users[1] if self._person.user == chat.users[0] else chat.users[0]
            return self._book.name_of(other)
        return ref

    def created(self, entry: Entry) -> list[Posting]:
        """Take a CREATED entry; returns the postings that waited for it."""
        value = unpack(entry.payload)
        members = {str(member[0]) for member in value[2]}  # type: ignore[index, union-attr]
        book = self._book
        for number in book.people.chats_of[self._person.number]:
            chat = book.people.chats[number]
            if chat.group:
                found = book.group_id(number) == entry.conversation
            else:
                found = value[0] == 1 and {book.name_of(user) for user in chat.users} == members  # type: ignore[index]
            if found:
                self._refs[number] = entry.conversation
        ready = [posting for posting in self._held if posting.chat in self._refs]
        self._held = [posting for posting in self._held if posting.chat not in self._refs]
        return ready
