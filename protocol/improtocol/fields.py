"""Optional trailing fields, left out when they hold their default: one content has one byte string."""

from improtocol.values import Value


def need(fields: list[Value], count: int) -> None:
    """Raise `ValueError` if there are fewer than `count`."""
    if len(fields) < count:
        raise ValueError(f"needs at least {count} fields, has {len(fields)}")


def trim_fields(fields: list[Value], defaults: list[Value]) -> list[Value]:
    """`fields` without the trailing ones that equal their default; `defaults` lines up with their end."""
    for default in reversed(defaults):
        if fields[-1] != default:
            break
        fields.pop()
    return fields


def pad_fields(fields: list[Value], required: int, defaults: list[Value]) -> list[Value]:
    """Exactly `required + len(defaults)` fields: the missing get their default, the unknown at the end go."""
    need(fields, required)
    whole = required + len(defaults)
    return fields[:whole] + defaults[max(0, len(fields) - required) :]
