"""Makes commands of scheduled messages; keeps back what cannot be posted yet."""

from imload.address_book import AddressBook
from imload.book import Book
from imload.media_shelf import MediaShelf
from imload.parcels import Parcel
from imload.people import Chat, Person
from imload.schedule import Posting
from improtocol.commands import Post
from improtocol.group_commands import Create


class Composer:
    """Of one device.

    Args:
        person: whose.
        book: the run's terms.
    """

    __slots__ = ("_book", "addresses", "shelf")

    def __init__(self, person: Person, book: Book) -> None:
        self._book = book
        self.addresses = AddressBook(person, book)
        self.shelf = MediaShelf(book)

    @property
    def holds(self) -> int:
        """How many messages are kept back."""
        return self.addresses.holds + self.shelf.holds

    def create(self, chat: Chat) -> Create:
        """The command that makes a group of the schedule."""
        members = tuple(self._book.name_of(user) for user in chat.users[1:])
        id = self._book.group_id(chat.number)
        self.addresses.knows(chat, id)
        return Create(conversation=id, title="imload", members=members)

    def compose(self, posting: Posting, now_s: float) -> Post | None:
        """The command for `posting`, or None: it is kept until its group or its media is there."""
        # What is said behind a picture waits for it, too: order goes first, as in the SDK.
        if self.shelf.holds or not self.shelf.has(posting.kind):
            self.shelf.hold(posting)
            return None
        ref = self.addresses.ref(posting)
        if ref is None:
            return None
        parcel = Parcel(posting.number, int(now_s * 1e6), posting.kind, posting.size)
        return Post(conversation=ref, body=parcel.body())
