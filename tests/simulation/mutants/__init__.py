"""Planted bugs: one-line mutations of the product that the simulation must find.

- `mutant`, `catalogue`  the bugs, as texts to replace
- `plant`                makes them part of the product in a process of their own
- `hunt`                 how many seeds each survives: `python -m tests.simulation.mutants.hunt`
"""
