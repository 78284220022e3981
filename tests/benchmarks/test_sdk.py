"""What a phone pays in bytes, where no clock is needed to say it."""

from benchmarks.sdk import measure


def test_a_message_takes_no_more_bytes_of_the_wire_and_of_the_phones_disk_than_promised() -> None:
    """Two apps and a server as processes: 62 bytes a message of 45 with its ack, 1,100 for 20 missed ones."""
    found = measure(in_turn=40, at_once=200)
    assert 45 < found["sent_bytes"] <= 62
    assert 45 < found["received_bytes"] <= 62
    assert 45 < found["burst_bytes"] <= 62
    assert 45 < found["caught_up_bytes"] <= 1100 / 20
    for side in ("sent_disk_bytes", "received_disk_bytes"):
        assert 45 < found[side] < 250
    for cost in ("sent_us", "received_us", "burst_us", "caught_up_us", "begun_mib", "idle_mib"):
        assert found[cost] > 0
