"""The story has every content kind, and its messages can be told apart on the other side."""

import random
from itertools import islice

import imsdk
from imserver.demo.contents import CONTENT_KINDS, build, key_of, key_of_spec, line_of
from imserver.demo.dialogue import PEOPLE, Dialogue, Turn


def turns(seed: int, count: int) -> list[Turn]:
    return list(islice(Dialogue(random.Random(seed)).turns(), count))


def test_first_round_has_every_content_kind_and_every_act() -> None:
    story = turns(1, 50)
    assert {turn.spec["kind"] for turn in story if turn.act == "send"} == set(CONTENT_KINDS)
    assert {turn.act for turn in story} == {"send", "edit", "recall", "react", "read"}
    assert any(turn.reply_to for turn in story)
    assert any(turn.mentions for turn in story)
    assert {turn.speaker for turn in story} == set(PEOPLE)


def test_no_two_messages_of_many_rounds_are_alike() -> None:
    dialogue = Dialogue(random.Random(3))
    story = list(islice(dialogue.turns(), 400))
    for topic in ("a", "b", "c"):
        story += [turn for user in PEOPLE for turn in dialogue.burst(user, 6, topic)]
    keys = [turn.key for turn in story if turn.act == "send"]
    assert len(keys) == len(set(keys)) > 250


def test_acts_name_messages_said_before() -> None:
    said: set[str] = set()
    for turn in turns(2, 200):
        if turn.act == "send":
            assert not turn.reply_to or turn.reply_to in said
            said.add(turn.key)
        elif turn.act != "read":
            assert turn.key in said


def test_key_of_what_arrives_is_the_key_of_what_was_sent() -> None:
    for turn in turns(4, 60):
        if turn.act == "send":
            content = build(turn.spec)
            if not hasattr(content, "keep"):
                assert key_of(content) == turn.key == key_of_spec(turn.spec)


def test_key_of_media_is_the_sha256_of_its_bytes() -> None:
    media = imsdk.Media(id=bytes(range(32)), size=1, mime="image/jpeg")
    assert key_of(imsdk.Image(media=media, width=1, height=1)) == bytes(range(32)).hex()


def test_every_content_has_a_line_for_the_screen() -> None:
    for turn in turns(5, 60):
        if turn.act == "send" and turn.spec["kind"] not in {"image", "voice", "video", "file"}:
            content = build(turn.spec)
            assert not hasattr(content, "keep")
            assert line_of(content) not in ("", "(not supported by this version)")


def test_same_seed_tells_the_same_story() -> None:
    assert turns(6, 100) == turns(6, 100)
    assert turns(6, 100) != turns(7, 100)
