"""Hypothesis strategies for everything that travels: values, contents, commands, entries, queries, frames."""

from typing import Any

from hypothesis import strategies as st

from improtocol import (
    Body,
    Button,
    Card,
    Custom,
    Entry,
    File,
    Image,
    Kind,
    Location,
    Media,
    Notice,
    Role,
    Sticker,
    Text,
    Video,
    Voice,
    limits,
    pack,
    pack_body,
)
from improtocol import commands as c
from improtocol import entries as e

ints = st.integers(0, limits.INT_MAX)
positive = st.integers(1, limits.INT_MAX)
ids = positive
seqs = st.integers(1, 2**40)
times = st.integers(0, limits.INT_MAX)
#: Any text the protocol takes: all of Unicode but lone surrogates and NUL.
characters = st.characters(exclude_categories=("Cs",), exclude_characters="\0")


def text(bytes_max: int, *, empty: bool = False) -> st.SearchStrategy[str]:
    """Text that fits; sizes near the limit are for the tests of limits."""
    return st.text(characters, min_size=0 if empty else 1, max_size=min(bytes_max // 4, 40))


#: Identifiers: printable, no outer blanks.
names = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp", "Zs")),
    min_size=1,
    max_size=12,
)
users = names
conversations = st.one_of(ids, users)
blobs = st.binary(min_size=32, max_size=32)
medias = st.builds(Media, id=blobs, size=st.integers(1, limits.MEDIA_BYTES_MAX), mime=names)
sides = st.integers(1, limits.SIDE_PIXELS_MAX)
durations = st.integers(0, limits.DURATION_MS_MAX)
thumbnails = st.none() | blobs


def values(depth: int) -> st.SearchStrategy[Any]:
    """JSON's types and bytes, nested at most `depth` levels."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-limits.INT_MAX, limits.INT_MAX),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=10),
        st.binary(max_size=10),
    )
    if depth == 0:
        return scalars
    inner = st.deferred(lambda: values(depth - 1))
    keys = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
    return scalars | st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


buttons = st.builds(Button, label=text(limits.NAME_BYTES_MAX), action=text(limits.URL_BYTES_MAX))
contents = {
    Text: st.builds(Text, text(limits.TEXT_BYTES_MAX)),
    Image: st.builds(
        Image,
        media=medias,
        width=sides,
        height=sides,
        thumbnail=thumbnails,
        name=text(limits.NAME_BYTES_MAX, empty=True),
    ),
    Location: st.builds(
        Location,
        latitude=st.floats(-90, 90),
        longitude=st.floats(-180, 180),
        name=text(limits.NAME_BYTES_MAX, empty=True),
        address=text(limits.LABEL_BYTES_MAX, empty=True),
    ),
    Voice: st.builds(Voice, media=medias, duration_ms=durations),
    Video: st.builds(
        Video, media=medias, duration_ms=durations, width=sides, height=sides, thumbnail=thumbnails
    ),
    File: st.builds(File, media=medias, name=names.filter(lambda name: not set("/\\") & set(name))),
    Sticker: st.builds(Sticker, pack=names, name=names),
    Card: st.builds(
        Card,
        title=text(limits.LABEL_BYTES_MAX),
        text=text(limits.TEXT_BYTES_MAX, empty=True),
        picture=text(limits.URL_BYTES_MAX, empty=True),
        price=text(limits.NAME_BYTES_MAX, empty=True),
        link=text(limits.URL_BYTES_MAX, empty=True),
        buttons=st.lists(buttons, max_size=limits.CARD_BUTTONS_MAX).map(tuple),
        kind=st.sampled_from(["generic", "order", "product"]),
        ref=text(limits.NAME_BYTES_MAX, empty=True),
    ),
    Custom: st.builds(Custom, names, values(limits.CUSTOM_NESTING_MAX)),
    Notice: st.builds(
        Notice, text=text(limits.LABEL_BYTES_MAX), kind=text(limits.NAME_BYTES_MAX, empty=True)
    ),
}
bodies = st.builds(
    Body,
    content=st.one_of(*contents.values()),
    reply_to=st.none() | seqs,
    mentions=st.lists(users, max_size=3).map(tuple),
)
user_lists = st.lists(users, max_size=4, unique=True).map(tuple)
titles = text(limits.TITLE_BYTES_MAX, empty=True)
actions = st.one_of(
    st.builds(c.Post, conversation=conversations, body=bodies),
    st.builds(c.Edit, conversation=conversations, target=seqs, body=bodies),
    st.builds(c.Recall, conversation=conversations, target=seqs),
    st.builds(c.React, conversation=conversations, target=seqs, emoji=names, on=st.booleans()),
    st.builds(c.MarkRead, conversation=conversations, seq=seqs),
    st.builds(c.Create, conversation=ids, title=titles, members=user_lists),
    st.builds(c.Invite, conversation=ids, users=user_lists.filter(bool)),
    st.builds(c.Leave, conversation=ids),
    st.builds(c.Remove, conversation=ids, user=users),
    st.builds(c.SetRole, conversation=ids, user=users, role=st.sampled_from(Role)),
    st.builds(c.Rename, conversation=ids, title=titles),
    st.builds(c.Logout),
)

_roles = st.sampled_from(Role)
#: What an entry says, beside its kind and packed payload.
meanings = st.one_of(
    bodies.map(lambda body: (Kind.MESSAGE, pack_body(body), e.Posted(body=body))),
    st.just((Kind.MESSAGE, e.ERASED_PAYLOAD, e.Erased())),
    st.tuples(seqs, bodies).map(
        lambda at: (Kind.EDITED, pack([at[0], at[1].to_value()]), e.Edited(target=at[0], body=at[1]))
    ),
    seqs.map(lambda seq: (Kind.RECALLED, pack([seq]), e.Recalled(target=seq))),
    st.tuples(seqs, names, st.booleans()).map(
        lambda r: (Kind.REACTED, pack(list(r)), e.Reacted(target=r[0], emoji=r[1], on=r[2]))
    ),
    st.just((Kind.READ, e.ERASED_PAYLOAD, e.MarkedRead())),
    st.tuples(
        st.sampled_from(e.ConversationType), titles, st.lists(st.tuples(users, _roles), max_size=4)
    ).map(
        lambda made: (
            Kind.CREATED,
            pack([int(made[0]), made[1], [[user, int(role)] for user, role in made[2]]]),
            e.Created(type=made[0], title=made[1], members=tuple(made[2])),
        )
    ),
    user_lists.map(lambda joined: (Kind.JOINED, pack(list(joined)), e.Joined(users=joined))),
    st.just((Kind.LEFT, e.ERASED_PAYLOAD, e.Left())),
    users.map(lambda user: (Kind.REMOVED, pack([user]), e.Removed(user=user))),
    st.tuples(users, _roles).map(
        lambda set_: (Kind.ROLE, pack([set_[0], int(set_[1])]), e.RoleSet(user=set_[0], role=set_[1]))
    ),
    titles.map(lambda title: (Kind.RENAMED, pack([title]), e.Renamed(title=title))),
)
#: Few conversations, senders and times that lie near each other, so that the differences are exercised.
entries = st.builds(
    lambda meaning, at_ms, sender, conversation, seq: Entry(
        int(meaning[0]), at_ms, sender, conversation, seq, meaning[1]
    ),
    meanings,
    times | st.integers(1_767_225_600_000, 1_767_225_600_300),
    st.sampled_from(["", "u1", "u2"]) | users,
    st.integers(1, 3) | ids,
    st.integers(1, 5) | ints,
)
