"""The Content-Disposition header with a name that somebody else chose (RFC 6266, RFC 8187)."""

import re
from typing import Final
from urllib.parse import quote

#: What must not reach a header or a file system: control characters, separators, bidirectional overrides.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: What is not safe within a quoted ASCII name; a percent sign because some browsers decode it.
_NOT_PLAIN: Final = re.compile(r'[^ -~]|["%;]')
#: RFC 8187, attr-char without the alphanumeric ones.
_ATTR_CHARS: Final = "!#$&+-.^_`|~"


def content_disposition(*, inline: bool, name: str) -> str:
    """The header's value: pure ASCII, one line, whatever the name holds."""
    kind = "inline" if inline else "attachment"
    safe = _UNSAFE.sub("_", name).strip(". ")
    if not safe:
        return kind
    plain = _NOT_PLAIN.sub("_", safe)
    value = f'{kind}; filename="{plain}"'
    if plain != safe:
        value += f"; filename*=UTF-8''{quote(safe, safe=_ATTR_CHARS)}"
    return value
