"""What stops a command of this program; the texts are one line and say what to do."""


class CannotServe(Exception):
    """The server cannot start as it is configured, and the text says why."""


class AdminError(Exception):
    """An administrator's request cannot be carried out, and the text says why."""
