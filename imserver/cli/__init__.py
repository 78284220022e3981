"""cli: the command line. Reads words, calls `imserver.app`, prints lines; knows nothing else.

- `entry`     `main`: runs a command; whatever goes wrong is one line on stderr and an exit code
- `root`      the list of commands
- `serve`     `imserver serve`;  `apps`: `imserver app …`;  `tokens`: `token`, `token-check`
- `data`      `backup`, `restore`, `verify`;  `others`: `chat`, `demo`, `version`
- `options`   what several commands take
"""

from imserver.cli.entry import main

__all__ = ["main"]
