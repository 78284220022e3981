"""Sessions and bans in the memory store's tables."""

from dataclasses import replace

from imserver.storage.memory_tables import Tables
from imserver.storage.model import Device, Login


def log_in(tables: Tables, login: Login) -> int:
    """See `Store.log_in`; returns the device's id."""
    user_id = tables.user(login.app, login.user)
    known = next((d for d in tables.devices.values() if (d.user, d.name) == (user_id, login.device)), None)
    if known is None:
        known = Device(
            id=len(tables.devices) + 1,
            app=login.app,
            user=user_id,
            user_name=login.user,
            name=login.device,
            session=0,
            secret_hash=b"",
            expires_ms=0,
            accepted=0,
            acked=0,
        )
    tables.sessions.pop(known.session, None)
    tables.devices[known.id] = replace(
        known, session=login.session, secret_hash=login.secret_hash, expires_ms=login.expires_ms
    )
    tables.sessions[login.session] = known.id
    return known.id


def end_sessions(tables: Tables, app: int, user: str) -> list[int]:
    """See `Store.end_sessions`."""
    ended = [d for d in tables.devices.values() if (d.app, d.user_name) == (app, user) and d.session]
    for device in ended:
        del tables.sessions[device.session]
        tables.devices[device.id] = replace(device, session=0, secret_hash=b"", expires_ms=0)
    return sorted(device.id for device in ended)


def set_banned(tables: Tables, app: int, user: str, *, banned: bool) -> None:
    """See `Store.set_banned`."""
    if banned:
        tables.user(app, user)
        tables.banned.add((app, user))
    else:
        tables.banned.discard((app, user))
