"""Ratios are of the same repeat of the same run; the newest run of a peer's workload counts."""

from pathlib import Path

from benchmarks.peers.samples import Sample, Samples, append, read


def sample(peer: str, value: float, *, run: str = "1", repeat: int = 0, key: str = "cost") -> Sample:
    return Sample(
        run=run,
        repeat=repeat,
        workload="work",
        peer=peer,
        version="1",
        machine="here",
        fixed_loop_ms=4.0,
        scale=1.0,
        figures={key: value},
    )


def test_spread_and_ratio_are_taken_over_repeats() -> None:
    samples = Samples(
        [
            sample("imserver", 10.0),
            sample("other", 20.0),
            sample("imserver", 20.0, repeat=1),
            sample("other", 60.0, repeat=1),
            sample("imserver", 30.0, repeat=2),
            sample("other", 120.0, repeat=2),
        ]
    )
    spread = samples.spread("other", "cost")
    assert spread is not None
    assert (spread.median, spread.least, spread.most, spread.count) == (60.0, 20.0, 120.0, 3)
    assert spread.ratio == 3.0
    assert samples.share("imserver", "cost", "other") == 1 / 3


def test_the_newest_run_counts_and_its_partner_is_of_that_run() -> None:
    samples = Samples(
        [
            sample("imserver", 1.0),
            sample("other", 100.0),
            sample("imserver", 10.0, run="2"),
            sample("other", 20.0, run="2"),
            sample("imserver", 5.0, run="3"),
        ]
    )
    spread = samples.spread("other", "cost")
    assert spread is not None
    assert (spread.median, spread.ratio) == (20.0, 2.0)


def test_a_run_that_was_cut_short_does_not_take_the_place_of_a_whole_one() -> None:
    whole = [sample("imserver", 10.0, repeat=repeat) for repeat in range(3)]
    spread = Samples([*whole, sample("imserver", 99.0, run="2")]).spread("imserver", "cost")
    assert spread is not None
    assert (spread.median, spread.count) == (10.0, 3)


def test_a_share_is_of_the_newest_run_that_measured_both() -> None:
    samples = Samples(
        [
            sample("imserver", 1.0),
            sample("other", 100.0),
            sample("imserver", 10.0, run="2"),
            sample("other", 20.0, run="2"),
            sample("imserver", 5.0, run="3"),
        ]
    )
    assert samples.share("imserver", "cost", "other") == 0.5
    assert samples.share("imserver", "cost", "nobody") is None


def test_without_a_partner_there_is_no_ratio() -> None:
    spread = Samples([sample("other", 20.0)]).spread("other", "cost")
    assert spread is not None
    assert spread.ratio is None


def test_a_figure_that_was_not_measured_is_none() -> None:
    assert Samples([sample("other", 20.0)]).spread("other", "bytes") is None


def test_samples_survive_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    assert read(path) == []
    kept = [sample("imserver", 1.5), sample("other", 2.5)]
    for each in kept:
        append(path, each)
    assert read(path) == kept
