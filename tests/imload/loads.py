"""Small loads for tests."""

from imload.scenario_file import parse_scenario
from imload.schedule import Schedule, make_schedule

SMALL = """
seconds = 60
[population]
customers = 6
agents = 2
agent_devices = 2
[dialogues]
per_customer_per_hour = 120
think_s = 1
[messages.mix]
text = 5
emoji = 1
sticker = 1
location = 1
card = 1
custom = 1
image = 1
file = 1
voice = 1
video = 1
"""


def small(seed: int = 1, more: str = "") -> Schedule:
    return make_schedule(parse_scenario(SMALL + more), seed)
