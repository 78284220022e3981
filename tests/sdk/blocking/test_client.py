"""The blocking façade: the same chat as the async one, nothing missing."""

import inspect

import pytest

import imsdk
from imsdk import blocking
from imsdk.testing import Server

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000020000000308020000003610" + "00" * 16)


def test_dialogue_with_callbacks(server: Server, connect, inbox) -> None:
    im = connect(on_message=inbox)
    chat = im.conversation(with_user="shop")
    assert chat.send("Where is my parcel?").acked(timeout_s=20) == 2
    im.in_loop(server.post, "shop", "alice", "On its way")
    assert inbox.texts(2) == ["Where is my parcel?", "On its way"]
    assert server.messages("shop", "alice")[0] == ("alice", imsdk.Text("Where is my parcel?"))


def test_messages_stay_in_order_and_whole_through_drops(server: Server, connect, inbox) -> None:
    im = connect(on_message=inbox)
    chat = im.conversation(with_user="shop")
    for number in range(20):
        chat.send(str(number))
        if number % 5 == 0:
            im.in_loop(server.drop_connections)
    assert inbox.texts(20) == [str(number) for number in range(20)]


def test_left_iterator_can_be_taken_up_again(server: Server, connect) -> None:
    im = connect()
    chat = im.conversation(with_user="shop")
    for text in ("one", "two"):
        chat.send(text)
    seen = []
    for _ in range(2):
        for message in im.messages():
            seen.append(message.content.text)
            im.done(message)
            break
    assert seen == ["one", "two"]


def test_picture_goes_both_ways(server: Server, connect, inbox) -> None:
    im = connect(on_message=inbox)
    sent = im.conversation(with_user="shop").send(imsdk.Image.from_bytes(PNG, name="a.png"))
    assert list(sent.progress())[-1:] in ([(len(PNG), len(PNG))], [])
    sent.acked(timeout_s=20)
    assert im.download(inbox.get()).read_bytes() == PNG


def test_a_group_from_making_to_leaving(server: Server, connect) -> None:
    im = connect()
    group = im.create_group("team", members=["bob"])
    group.send("hello").acked(timeout_s=20)
    group.rename("the team").acked(timeout_s=20)
    group.refresh()
    assert (group.title, group.type) == ("the team", imsdk.ConversationType.GROUP)
    assert {member.user for member in group.members()} == {"alice", "bob"}
    assert [chat.id for chat in im.conversations()] == [group.id]
    assert [message.content.text for message in group.history().messages] == ["hello"]
    group.leave().acked(timeout_s=20)
    assert server.messages("alice", group.id) == []


@pytest.mark.parametrize("name", ["Client", "Conversation", "Sent"])
def test_nothing_of_the_async_client_is_missing(name: str) -> None:
    """Every public method is there, with the same parameters (timeouts may be added)."""
    theirs, ours = getattr(imsdk, name), getattr(blocking, name)
    # The inner workings of the async one, public between its modules only.
    inner = {"keep", "sweep", "signal", "engine", "uploads"}
    for method, function in inspect.getmembers(theirs, callable):
        if method.startswith("_") or method in inner:
            continue
        wanted = inspect.signature(function).parameters.keys()
        assert wanted <= inspect.signature(getattr(ours, method)).parameters.keys(), method
    connect = inspect.signature(imsdk.connect).parameters.keys()
    assert connect <= inspect.signature(blocking.connect).parameters.keys()
