"""What every test relies on."""

import signal

# A shell that starts a run in the background has it ignore SIGINT, and children inherit that: Ctrl-C would do
# nothing in the tests that press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
