"""What people do with their phones: each thing by its name in the plan, through the SDK's public face."""

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import trio

import imsdk
from improtocol import ConversationType
from imsdk import Conversation
from imserver.sim.plan import Event

if TYPE_CHECKING:
    from imserver.sim.phone import Phone, PhoneLife
    from imserver.sim.world import World

#: Users without a phone: there is always somebody with whom there is no conversation yet.
STRANGERS = tuple(f"eve{number}" for number in range(6))
#: What an app expects, and lives with.
EXPECTED = (imsdk.ImError, ValueError)


def act(world: "World", phone: "Phone", event: Event) -> None:
    """Let `phone`'s user do something, if the app is open."""
    life = phone.life
    if life is None or life.nursery is None or life.client is None or life.logging_out:
        return
    hand = Hand(world, phone, life, Random(f"{world.plan.seed}/{event.draw}"), event)
    life.nursery.start_soon(hand.act)


class Hand:
    """One thing that one user does."""

    def __init__(self, world: "World", phone: "Phone", life: "PhoneLife", rng: Random, event: Event) -> None:
        assert life.client is not None
        self._world = world
        self._phone = phone
        self._life = life
        self._client = life.client
        self._rng = rng
        self._event = event

    async def act(self) -> None:
        """Do it; what an app expects to go wrong may."""
        try:
            await getattr(self, self._event.kind)()
        except EXPECTED:
            pass
        except ExceptionGroup as group:
            _, rest = group.split(EXPECTED)
            if rest is not None:
                raise rest from None

    # Choosing ---------------------------------------------------------------------------------------

    async def _chat(self) -> Conversation:
        """Any conversation, a new one to somebody at times."""
        known = await self._client.conversations()
        if not known or self._rng.random() < 0.15:
            others = sorted({user for user, _ in self._world.plan.cast} - {self._phone.user})
            return await self._client.conversation(with_user=self._rng.choice([*others, *STRANGERS]))
        return self._rng.choice(known)

    async def _group(self) -> Conversation | None:
        groups = [c for c in await self._client.conversations() if c.type is ConversationType.GROUP]
        return self._rng.choice(groups) if groups else None

    def _someone(self) -> str:
        return self._rng.choice(self._world.plan.cast)[0]

    def _message(self, chat: Conversation, *, own: bool) -> int | None:
        rows = self._phone.database.execute(
            "SELECT seq FROM message WHERE chat = ? AND (sender = ? OR NOT ?) AND sender <> ''"
            " ORDER BY seq DESC LIMIT 8",
            (chat.key, self._phone.user, own),
        ).fetchall()
        return self._rng.choice(rows)[0] if rows else None

    def _text(self) -> str:
        """Unique, so that nothing can hide behind something like it."""
        size = self._rng.choice((0, 0, 20, 20, 200, 3000))
        return f"{self._phone.name} {self._event.draw} {self._rng.getrandbits(48)} {'好' * (size // 3)}"

    # Doing ------------------------------------------------------------------------------------------

    async def post(self) -> None:
        """A message."""
        await (await self._chat()).send(self._text())

    async def burst(self) -> None:
        """Many messages without a pause."""
        chat = await self._chat()
        for _ in range(self._rng.randint(5, 60)):
            await chat.send(self._text())

    async def rush(self) -> None:
        """Everybody has many messages to send at the same moment, and the server no time to read them."""
        life = self._world.server.life
        if life is not None and life.selector is not None:
            life.selector.deaf_until_s = trio.current_time() + self._rng.uniform(0.2, 3)
        for phone in self._world.phones:
            act(self._world, phone, replace(self._event, kind="burst", draw=self._rng.getrandbits(32)))

    async def storm_out(self) -> None:
        """Some last words, and out of the group before anybody can answer."""
        if (chat := await self._group()) is not None:
            for _ in range(self._rng.randint(1, 4)):
                await chat.send(self._text())
            await chat.leave()

    async def edit(self) -> None:
        """One's own message anew; sometimes somebody else's, which is refused."""
        chat = await self._chat()
        target = self._message(chat, own=self._rng.random() < 0.9)
        if target is not None:
            await chat.edit(target, self._text())

    async def recall(self) -> None:
        """A message taken back."""
        chat = await self._chat()
        target = self._message(chat, own=self._rng.random() < 0.9)
        if target is not None:
            await chat.recall(target)

    async def react(self) -> None:
        """A reaction, or its end."""
        chat = await self._chat()
        target = self._message(chat, own=False)
        if target is not None:
            emoji = self._rng.choice(("👍", "❤"))
            await (chat.react if self._rng.random() < 0.7 else chat.unreact)(target, emoji)

    async def read(self) -> None:
        """Everything is read."""
        await (await self._chat()).mark_read()

    async def group(self) -> None:
        """A new group."""
        others = sorted({user for user, _ in self._world.plan.cast} - {self._phone.user})
        members = self._rng.sample(others, self._rng.randint(0, len(others)))
        chat = await self._client.create_group(f"group {self._event.draw}", members=members)
        await chat.send(self._text())

    async def invite(self) -> None:
        """Somebody into a group."""
        if (chat := await self._group()) is not None:
            await chat.invite(self._someone())

    async def remove(self) -> None:
        """Somebody out of a group."""
        if (chat := await self._group()) is not None:
            await chat.remove(self._someone())

    async def leave(self) -> None:
        """Out of a group."""
        if (chat := await self._group()) is not None:
            await chat.leave()

    async def rename(self) -> None:
        """Another title."""
        if (chat := await self._group()) is not None:
            await chat.rename(f"title {self._event.draw}")

    async def history(self) -> None:
        """Scrolling up."""
        chat = await self._chat()
        await chat.history(before=self._rng.choice((0, 0, 3, 10)), limit=self._rng.choice((3, 50)))

    async def members(self) -> None:
        """Who is here?"""
        await (await self._chat()).members()

    async def typing(self) -> None:
        """On the keys."""
        await (await self._chat()).typing(preview="…")

    async def presence(self) -> None:
        """Is somebody there? And tell me when."""
        user = self._someone()
        self._client.watch(user)
        await self._client.presence(user)

    async def background(self) -> None:
        """Into the pocket."""
        self._client.background()

    async def foreground(self) -> None:
        """Out of it."""
        self._client.foreground()

    async def logout(self) -> None:
        """Out, and in again with a token later."""
        self._life.logging_out = True
        with trio.move_on_after(self._event.span_s + 5):
            await self._client.logout()
        self._world.nursery.start_soon(self._log_in_again)

    async def _log_in_again(self) -> None:
        await self._phone.kill()
        await self._phone.boot()
