"""scenarios: examples, each a TOML file whose first line says what it is."""
