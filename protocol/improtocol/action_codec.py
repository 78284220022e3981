"""How commands travel: actions as lists of values, and the digest that tells two of them apart.

Apart from the classes, because functions can be compiled as they are.
"""

from typing import Any, Final
from zlib import crc32

from improtocol.body_codec import read_body
from improtocol.checks import check_int
from improtocol.commands import (
    Action,
    ConversationRef,
    Edit,
    Logout,
    MarkRead,
    Op,
    Post,
    React,
    Recall,
)
from improtocol.content import Text, Unknown
from improtocol.entries import Role
from improtocol.group_commands import Create, Invite, Leave, Remove, Rename, SetRole
from improtocol.trusted import trusted
from improtocol.values import Value, pack


def action_to_values(action: Action) -> list[Value]:
    """`[op, arg, ..., conversation]`, everything said (the connection leaves out what it may)."""
    match action:
        case Post():
            return [1, action.body.to_value(), action.conversation]
        case Edit():
            return [2, action.target, action.body.to_value(), action.conversation]
        case Recall():
            return [3, action.target, action.conversation]
        case React():
            return [4, action.target, action.emoji, action.on, action.conversation]
        case MarkRead():
            return [5, action.seq, action.conversation]
        case Create():
            return [6, action.title, list(action.members), action.conversation]
        case Invite():
            return [7, list(action.users), action.conversation]
        case Leave():
            return [8, action.conversation]
        case Remove():
            return [9, action.user, action.conversation]
        case SetRole():
            return [10, action.user, int(action.role), action.conversation]
        case Rename():
            return [11, action.title, action.conversation]
        case Logout():
            return [12]


#: Arguments of each op before the conversation.
_ARGUMENTS: Final = (0, 1, 2, 1, 3, 1, 2, 1, 0, 1, 2, 1)


_trusted_post = trusted(Post)


def action_from_values(values: list[Value], conversation: ConversationRef | None) -> Action:
    """The action behind `[op, arg, ..., conversation?]`; a conversation left out is `conversation`.

    A body that breaks a rule, or of a type this version does not know, becomes one with content `Unknown`,
    so that the server can refuse this one command (RESULT INVALID) and the client's queue goes on.
    Everything else that is wrong ends the connection.

    Raises:
        ValueError: an unknown op, a missing argument, or one that breaks a rule.
    """
    op = values[0] if values else None
    if type(op) is not int or not 1 <= op <= 12:
        raise ValueError(f"command {op!r:.40} is unknown to this version")
    if op == 12:
        return Logout()
    count = _ARGUMENTS[op]
    if len(values) <= count:
        raise ValueError(f"command {Op(op).name} needs {count} arguments and a conversation")
    said = values[count + 1] if len(values) > count + 1 else None
    # Any: compiled, a wrong type would be a TypeError here, before the constructor says what is wrong.
    where: Any = conversation if said is None else said
    if where is None:
        raise ValueError("the first command of a connection must say its conversation")
    if op == 1:
        body = read_body(values[1])
        return _trusted_post(where, body) if said is None else Post(conversation=where, body=body)
    return _other_action(op, values, where)


def _other_action(op: int, v: list[Value], where: Any) -> Action:
    if op == Op.READ:
        return MarkRead(conversation=where, seq=v[1])  # type: ignore[arg-type]
    if op == Op.EDIT:
        return Edit(conversation=where, target=v[1], body=read_body(v[2]))  # type: ignore[arg-type]
    if op == Op.RECALL:
        return Recall(conversation=where, target=v[1])  # type: ignore[arg-type]
    if op == Op.REACT:
        return React(conversation=where, target=v[1], emoji=v[2], on=v[3])  # type: ignore[arg-type]
    check_int("conversation", where, 1)
    assert isinstance(where, int)
    if op == Op.CREATE:
        return Create(conversation=where, title=v[1], members=_users(v[2]))  # type: ignore[arg-type]
    if op == Op.INVITE:
        return Invite(conversation=where, users=_users(v[1]))
    if op == Op.LEAVE:
        return Leave(conversation=where)
    if op == Op.REMOVE:
        return Remove(conversation=where, user=v[1])  # type: ignore[arg-type]
    if op == Op.SET_ROLE:
        check_int("role", v[2], 0, 2)
        return SetRole(conversation=where, user=v[1], role=Role(v[2]))  # type: ignore[arg-type]
    return Rename(conversation=where, title=v[1])  # type: ignore[arg-type]


def digest_of(action: Action) -> int:
    """32 bits that tell two commands under one counter apart (G2: CONFLICT). Not a security measure.

    A client that forges a collision deceives only itself: it gets its own earlier result. Never raises: a
    body with content `Unknown` counts with what came over the wire.
    """
    if type(action) is Post or type(action) is Edit:
        content = action.body.content
        if type(content) is Unknown:
            target = action.target if type(action) is Edit else 0
            return crc32(pack([target, content.type, content.fields, action.conversation]))
        body = action.body
        if type(action) is Post and type(content) is Text and body.reply_to is None and not body.mentions:
            # The hot path, without packing the text once more.
            where = action.conversation
            begin = where & 0xFFFFFFFF if type(where) is int else crc32(where.encode())  # type: ignore[union-attr]
            return crc32(content.text.encode(), begin)
    return crc32(pack(action_to_values(action)))


def _users(value: Value) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("users must be a list")
    return tuple(value)  # type: ignore[arg-type]
