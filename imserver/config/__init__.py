"""config: what an operator may set, from flags, environment and file, in that order, into one frozen model.

- `model`      `Config`: every key with its default, and the rules between keys
- `addresses`  `Address`: where to listen
- `sources`    `load`: merges flags, environment and file; a mistake is one sentence that names key and source
"""

from imserver.config.addresses import Address
from imserver.config.model import Config, LogConfig
from imserver.config.sources import ENV_PREFIX, ConfigError, known_keys, load

__all__ = ["ENV_PREFIX", "Address", "Config", "ConfigError", "LogConfig", "known_keys", "load"]
