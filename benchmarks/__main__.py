"""`python -m benchmarks SCENARIO [options]`; without a scenario, all of them in turn."""

import sys

from benchmarks import digest, growth, idle, relay, sdk, start

_SCENARIOS = {
    "digest": digest.main,
    "growth": growth.main,
    "idle": idle.main,
    "relay": relay.main,
    "sdk": sdk.main,
    "start": start.main,
}


def main() -> int:
    """Run the scenario named on the command line."""
    if len(sys.argv) < 2:
        for scenario in _SCENARIOS.values():
            scenario([])
        return 0
    if sys.argv[1] not in _SCENARIOS:
        print(f"no scenario {sys.argv[1]!r}; there are: {', '.join(_SCENARIOS)}", file=sys.stderr)
        return 2
    _SCENARIOS[sys.argv[1]](sys.argv[2:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
