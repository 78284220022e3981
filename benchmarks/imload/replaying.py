"""A scenario made of a churn log: the same devices come, go and miss as much as they did."""

import math
from pathlib import Path

from imload.churn.recorded import read_recording
from imload.scenario import Scenario
from imload.scenario_file import checked

#: An agent for so many devices of the log.
_DEVICES_PER_AGENT = 20


def replay_scenario(
    path: Path, *, speed: float, dialogues_per_hour: float, transport: str = "tcp"
) -> Scenario:
    """The scenario that replays `path`: the log's devices are its customers; the agents, who stay, are not.

    Args:
        path: a churn log.
        speed: scenario seconds per second.
        dialogues_per_hour: of each customer, besides what the log says was missed.
        transport: of the tool's own server.

    Raises:
        OSError, ValueError: it cannot be read, or nothing is in it.
    """
    recording = read_recording(path)
    devices = len(recording.arrivals)
    if not devices:
        raise ValueError(f"{path} holds no connections")
    agents = math.ceil(devices / _DEVICES_PER_AGENT)
    table = {
        "name": f"replay of {path.name}",
        "seconds": max(1.0, math.ceil(recording.length_s)),
        "speed": speed,
        "transport": transport,
        "population": {"customers": devices, "agents": agents, "group_members": 2},
        "arrivals": {"shape": "recorded", "over_s": min(60.0, devices / 500)},
        "dialogues": {"per_customer_per_hour": dialogues_per_hour},
        "recorded": path,
    }
    return checked(table, f"replay of {path.name}")
