"""The chat itself: shows what comes, sends what is typed."""

from typing import Final

import trio

import imsdk
from imserver.cli.chat.lines import change_line, clean, message_line, note
from imserver.cli.chat.orders import BadOrder, carry_out
from imserver.cli.chat.terminal import Terminal

__all__ = ["Talk"]

_HISTORY: Final = 20
#: An ack that comes sooner needs no word about waiting.
_PATIENCE_S: Final = 1.0
#: The others see "types" for about this long after a key.
_TYPING_S: Final = 3.0


class Talk:
    """One open chat in a terminal.

    Args:
        im: the client.
        chat: the conversation that is typed into.
        drain_s_max: with pipes, how long to wait at the end for what is not acked yet.
    """

    def __init__(self, im: imsdk.Client, chat: imsdk.Conversation, *, drain_s_max: float) -> None:
        self.im = im
        self.chat = chat
        self._drain_s_max = drain_s_max
        self.terminal = Terminal(self._typed)
        self._peer_types_until = 0.0
        self._typed_at = float("-inf")
        self._under_way = 0
        self._under_way_at_end = 0
        self.refusals = 0  #: lines of the input that came to nothing
        #: The newest message on the screen, and the newest own one that the server has.
        self._shown_seq = self._acked_seq = 0
        self._rung = trio.Event()

    async def run(self) -> int:
        """Chat until the input ends; returns how many commands the server does not have yet.

        Raises:
            Stopped: the server will not have this client (in an exception group).
        """
        with self.terminal.opened():
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._prompt()
                self._shown_seq = await self.show_history(_HISTORY)
                for task in (self._show_states, self._show_messages, self._show_changes, self._send_typing):
                    nursery.start_soon(task)
                await self._take_lines()
                if not self.terminal.interactive:
                    await self._drain()
                self._under_way_at_end = self._under_way
                nursery.cancel_scope.cancel()
        return self._under_way_at_end

    # Input ------------------------------------------------------------------------------------------

    async def _take_lines(self) -> None:
        async for line in self.terminal.lines():
            try:
                if await carry_out(self, line):
                    return
            except (BadOrder, ValueError) as error:
                self._failed(str(error))
            except imsdk.Refused as error:
                self._failed(f"refused: {error}")
            except imsdk.StorageFull:
                self._failed("this device's disk is full; nothing was sent")
            except imsdk.Unavailable:
                self._failed("that needs the server, which cannot be reached now")
            except OSError as error:
                self._failed(
                    f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error)
                )

    def _failed(self, text: str) -> None:
        """Say why a line came to nothing."""
        self.refusals += 1
        self.say(text, "red")

    def begin(self, what: str, sent: imsdk.Sent, *, is_message: bool = True) -> None:
        """Follow a command that is durable here, until the server has it."""
        self._under_way += 1
        self._nursery.start_soon(self._follow, what, sent, is_message)

    async def _follow(self, what: str, sent: imsdk.Sent, is_message: bool) -> None:
        try:
            with trio.move_on_after(_PATIENCE_S) as scope:
                await sent.acked()
            if scope.cancelled_caught:
                self.say(f"… {what} is kept here and goes out as soon as it can")
            seq = await sent.acked()
            if is_message:
                self._acked_seq = max(self._acked_seq, seq)
        except imsdk.Refused as error:
            self._failed(f"{what} was refused: {error}")
        except imsdk.Stopped:
            pass  # the state says so
        finally:
            self._under_way -= 1
            self._ring()

    async def _drain(self) -> None:
        with trio.move_on_after(self._drain_s_max):
            # Also with nothing to send: a rejected token shows only then.
            await self.im.connected()
            while self._under_way or self._shown_seq < self._acked_seq:
                await self._rung.wait()

    # Output -----------------------------------------------------------------------------------------

    def say(self, text: str, style: str = "bright_black") -> None:
        """A line of the program's own."""
        self.terminal.show(note(clean(text), style))

    async def show_history(self, count: int) -> int:
        """The newest messages; returns the newest one's number, 0 when there is none."""
        page = await self.chat.history(limit=count)
        for message in page.messages:
            self.terminal.show(message_line(message))
        return max((message.seq for message in page.messages), default=0)

    async def _show_messages(self) -> None:
        async for message in self.im.messages():
            await self.im.done(message)
            if message.chat == self.chat.key:
                if message.seq > self._shown_seq:  # else history has shown it
                    self.terminal.show(message_line(message))
                    self._shown_seq = message.seq
                    self._ring()
                self._peer_types_until = 0.0
                self._prompt()
            else:
                self.terminal.show(message_line(message, where="another chat"))

    async def _show_changes(self) -> None:
        async for change in self.im.changes():
            if isinstance(change, imsdk.Typing):
                self._peer_types_until = trio.current_time() + _TYPING_S if change.typing else 0.0
                self._prompt()
                self._nursery.start_soon(self._stop_typing_later)
                continue
            message = (
                await self.chat.message(change.seq) if isinstance(change, imsdk.MessageChanged) else None
            )
            line = change_line(change, message, own_user=self.im.user)
            if line is not None:
                self.terminal.show(line)

    async def _show_states(self) -> None:
        online_once, waiting = False, False
        async for state in self.im.states():
            self._prompt()
            if state.phase is imsdk.Phase.STOPPED:
                raise imsdk.Stopped(state.reason, state.code)
            if state.phase is imsdk.Phase.WAITING and not waiting:
                # Once: each further attempt would only push the conversation off the screen.
                self.say(f"no connection ({state.reason}); trying again until there is one", "yellow")
                waiting = True
            elif state.online:
                self.say("connected again" if online_once else "connected", "green")
                online_once, waiting = True, False

    def _prompt(self) -> None:
        state = "" if self.im.state.online else f" ({self.im.state.phase.value})"
        types = " types…" if trio.current_time() < self._peer_types_until else ""
        self.terminal.ask(f"{clean(self.chat.peer)}{types}{state} > ")

    # Typing -----------------------------------------------------------------------------------------

    def _typed(self) -> None:
        self._typed_at = trio.current_time()
        self._ring()

    def _ring(self) -> None:
        self._rung.set()
        self._rung = trio.Event()

    async def _send_typing(self) -> None:
        """Tell the others that one types, at most once per `_TYPING_S`."""
        told = float("-inf")
        while True:
            if self._typed_at > told + _TYPING_S and self.im.state.online:
                told = self._typed_at
                await self.chat.typing()
            await self._rung.wait()

    async def _stop_typing_later(self) -> None:
        await trio.sleep_until(self._peer_types_until)
        self._prompt()
