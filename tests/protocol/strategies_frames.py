"""Hypothesis strategies for queries, their replies, and frames."""

from typing import Any

from hypothesis import strategies as st

from improtocol import ConversationType, Frame, Role, Side, limits, pack
from improtocol import frames as f
from improtocol import queries as q
from tests.protocol import strategies as s

_pages = st.integers(1, limits.PAGE_MAX)
_roles = st.sampled_from(Role)
questions = st.one_of(
    st.builds(q.History, conversation=s.conversations, before=s.ints, limit=_pages),
    st.builds(q.Conversations, before_ms=s.ints, before_id=s.ints, limit=_pages),
    st.builds(q.Conversations, after=s.ints, limit=_pages),
    st.builds(q.Members, conversation=s.conversations, after=s.users | st.just(""), limit=_pages),
    st.builds(
        q.Upload,
        size=st.integers(1, limits.MEDIA_BYTES_MAX),
        mime=s.names,
        name=s.text(limits.NAME_BYTES_MAX, empty=True),
    ),
    st.builds(q.Link, conversation=s.conversations, seq=s.seqs, media=s.blobs),
    st.builds(q.Presence, users=s.user_lists.filter(bool)),
    st.builds(q.Conversation, conversation=s.conversations),
)


def _info(**fields: Any) -> q.ConversationInfo:
    last = fields["last"]
    if last is not None:
        # The line of a list says the conversation once, for itself and for its last entry.
        fields["last"] = type(last)(
            last.kind, last.at_ms, last.sender, fields["conversation"], last.seq, last.payload
        )
    return q.ConversationInfo(**fields)


infos = st.builds(
    _info,
    conversation=s.ids,
    type=st.sampled_from(ConversationType),
    title=s.titles,
    peer=s.users | st.just(""),
    role=_roles,
    head=s.ints,
    first=s.ints,
    read=s.ints,
    unread=s.ints,
    members=s.ints,
    changed_ms=s.times,
    last=st.none() | s.entries,
)
answers = st.one_of(
    st.builds(
        q.HistoryPage,
        entries=st.lists(s.entries, max_size=20).map(tuple),
        first=s.ints,
        complete=st.booleans(),
    ),
    infos,
    st.builds(
        q.ConversationsPage,
        head=s.ints,
        conversations=st.lists(infos, max_size=3).map(tuple),
        complete=st.booleans(),
    ),
    st.builds(
        q.MembersPage,
        members=st.lists(
            st.builds(q.MemberInfo, user=s.users, role=_roles, read=s.ints, delivered=s.ints), max_size=4
        ).map(tuple),
        complete=st.booleans(),
    ),
    st.builds(
        q.UploadSlot, url=s.text(limits.URL_BYTES_MAX), ticket=s.text(limits.URL_BYTES_MAX), expires_ms=s.ints
    ),
    st.builds(q.MediaLink, url=s.text(limits.URL_BYTES_MAX), expires_ms=s.ints),
    st.builds(
        q.PresenceList, users=st.lists(st.tuples(s.users, st.booleans(), s.ints), max_size=4).map(tuple)
    ),
)


def payload_of(answer: Any) -> bytes:
    """The packed reply payload of any answer."""
    payload: bytes = (
        pack(answer.to_value()) if isinstance(answer, q.ConversationInfo) else answer.to_payload()
    )
    return payload


_secrets = st.binary(min_size=16, max_size=16)
_codes = st.integers(0, 999)
_reasons = s.text(limits.REASON_BYTES_MAX, empty=True)
_retries = st.integers(0, limits.RETRY_AFTER_MS_MAX)
_modes = st.integers(0, 1)
connects = st.builds(
    f.Connect,
    token=s.text(limits.TOKEN_BYTES_MAX),
    device=s.names,
    epoch=s.ints,
    cursor=s.ints,
    mode=_modes,
)
connecteds = st.builds(
    f.Connected,
    session=s.ids,
    secret=_secrets,
    epoch=s.positive,
    accepted=s.ints,
    head=s.ints,
    behind_events=s.ints,
    behind_bytes=s.ints,
    idle_s=s.positive,
    user=s.users | st.just(""),
)
resumes = st.builds(
    f.Resume,
    session=s.ids,
    secret=_secrets,
    epoch=s.positive,
    cursor=s.ints,
    next=s.positive,
    mode=_modes,
)
resumeds = st.builds(f.Resumed, accepted=s.ints, head=s.ints, behind_events=s.ints, behind_bytes=s.ints)
resyncs = st.builds(f.Resync, reason=st.integers(1, 127), oldest=s.ints, head=s.ints, epoch=s.positive)
commands = st.builds(f.Command, counter=s.positive, action=s.actions)
results = st.one_of(
    st.builds(f.Result, counter=s.positive, value=s.ints, at_ms=s.times),
    st.builds(
        f.Result,
        counter=s.positive,
        value=s.ints,
        code=st.integers(1, 999),
        retry_after_ms=_retries,
        reason=_reasons,
    ),
)


@st.composite
def _events(draw: st.DrawFn) -> f.Events:
    entries = tuple(draw(st.lists(s.entries, max_size=20)))
    start = draw(st.integers(0, 2**40))
    return f.Events(start=start, end=start + len(entries) + draw(st.integers(0, 3)), entries=entries)


events = _events()
queries = st.one_of(
    st.builds(
        f.Query, id=s.ints, op=st.integers(1, 127), arguments=st.lists(s.values(3), max_size=4).map(tuple)
    ),
    questions.map(lambda question: f.Query(id=1, op=int(question.OP), arguments=question.arguments())),
)
replies = st.one_of(
    st.builds(f.Reply, id=s.ints, payload=answers.map(payload_of)),
    st.builds(f.Reply, id=s.ints, code=st.integers(1, 999), reason=_reasons, retry_after_ms=_retries),
)
signals = st.builds(
    f.Signal,
    kind=st.integers(1, 127),
    conversation=st.none() | s.conversations,
    user=s.users | st.just(""),
    value=s.ints,
    text=s.text(limits.PREVIEW_BYTES_MAX, empty=True),
)
pings = st.builds(f.Ping)
pongs = st.builds(f.Pong)
modes = st.builds(f.Mode, mode=_modes)
closes = st.builds(f.Close, code=_codes, retry_after_ms=_retries, reason=_reasons)
#: What each side may say while a session is attached, CLOSE excepted.
spoken: dict[Side, st.SearchStrategy[Frame]] = {
    Side.CLIENT: st.one_of(
        commands,
        st.builds(f.Ack, count=s.positive),
        st.builds(f.Seek, position=s.ints),
        queries,
        signals,
        modes,
        pings,
        pongs,
    ),
    Side.SERVER: st.one_of(results, events, replies, resyncs, signals, pings, pongs),
}
