"""`imserver sim`."""
def main(arguments: list[str]) -> int:
    from imserver.sim.runs import run_seed
    return 0
