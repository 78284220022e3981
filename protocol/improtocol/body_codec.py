"""How bodies travel and are kept. Apart from the class, because functions can be compiled as they are."""

from typing import Final

from improtocol import limits
from improtocol.body import Body
from improtocol.content import CONTENT_TYPES, Text, Unknown
from improtocol.trusted import trusted
from improtocol.values import Value, pack

_trusted_body: Final = trusted(Body)
_trusted_text: Final = trusted(Text)


def plain_text_body(text: str) -> Body:
    """`Body(content=Text(text))`, at a third of the cost for most texts: it is the hot path of every chat."""
    # An ASCII character is one byte. The constructor looks at all others, and says what is wrong.
    if 0 < len(text) <= limits.TEXT_BYTES_MAX and text.isascii() and "\0" not in text:
        return _trusted_body(_trusted_text(text), None, ())
    return Body(content=Text(text))


def body_from_value(value: Value) -> Body:
    """The body a peer sent, checked in every part.

    Raises:
        ValueError: the body breaks a rule; the text names it.
    """
    if type(value) is str:
        return plain_text_body(value)
    if not isinstance(value, list) or len(value) < 2:
        raise ValueError("a body must be text or a list of type and fields")
    content_type, fields = value[0], value[1]
    if type(content_type) is not int or content_type not in CONTENT_TYPES:
        raise ValueError(f"content type {content_type!r:.40} is unknown to this version")
    if not isinstance(fields, list) or not fields:
        raise ValueError("content fields must be a list that is not empty")
    reply_to = value[2] if len(value) > 2 else None
    mentions = value[3] if len(value) > 3 else []
    if not isinstance(mentions, list):
        raise ValueError("mentions must be a list")
    content = CONTENT_TYPES[content_type].from_fields(fields)
    return Body(content=content, reply_to=reply_to, mentions=tuple(mentions))  # type: ignore[arg-type]


def read_body(value: Value) -> Body:
    """Like `body_from_value`, for a reader that must not lose a message it is too old to understand.

    Content of an unknown type, or that breaks a rule, becomes `Unknown` with the reason; this function never
    raises.
    """
    try:
        return plain_text_body(value) if type(value) is str else body_from_value(value)
    except ValueError as error:
        content_type = value[0] if isinstance(value, list) and value else 0
        fields = value[1] if isinstance(value, list) and len(value) > 1 else value
        return Body(
            content=Unknown(
                type=content_type if isinstance(content_type, int) else 0,
                fields=tuple(fields) if isinstance(fields, list) else (fields,),
                reason=str(error)[: limits.REASON_BYTES_MAX // 4],
            )
        )


def pack_body(body: Body) -> bytes:
    """The canonical bytes of `body`, as the log keeps them.

    Raises:
        ValueError: larger than `limits.BODY_BYTES_MAX`.
    """
    value = body.to_value()
    packed = pack(value)
    if len(packed) > limits.BODY_BYTES_MAX:
        raise ValueError(
            f"a message may have at most {limits.BODY_BYTES_MAX} bytes packed, not {len(packed)}"
        )
    return packed
