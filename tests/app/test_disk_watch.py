from dataclasses import fields, replace

import structlog.testing
import trio.testing

from imserver.app.disk_watch import QUIET_S, DiskWatch
from imserver.core import CoreStatistics


class Figures:
    def __init__(self) -> None:
        self.now = CoreStatistics(**{field.name: 0 for field in fields(CoreStatistics)})

    def __call__(self) -> CoreStatistics:
        return self.now

    def refuse(self, count: int) -> None:
        self.now = replace(self.now, disk_full=self.now.disk_full + count)

    def commit(self) -> None:
        self.now = replace(self.now, batches=self.now.batches + 1)


async def test_a_full_disk_is_logged_when_it_begins_and_when_it_ends(
    mock_clock: trio.testing.MockClock,
) -> None:
    """Not once a refusal, and not at each small write that still finds room."""
    figures = Figures()
    watch = DiskWatch(figures)
    with structlog.testing.capture_logs() as lines:
        assert not watch.look()
        for _ in range(3):
            figures.refuse(200)
            assert watch.look()
            figures.commit()
            mock_clock.jump(QUIET_S / 2)
            assert watch.look()
        mock_clock.jump(QUIET_S)
        assert watch.look(), "nothing was written since"
        figures.commit()
        assert not watch.look()
        figures.commit()
        assert not watch.look()
    assert [line["event"] for line in lines] == ["disk_full", "disk_has_room"]
    assert lines[-1]["refused_writes"] == 600
