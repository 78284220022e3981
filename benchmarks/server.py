"""The measured server: see `imload.server`."""

from imload.server import OwnServer as Server
from imload.server import running

__all__ = ["Server", "running"]
