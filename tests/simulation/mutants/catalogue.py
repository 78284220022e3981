"""All planted bugs."""

from typing import Final

from tests.simulation.mutants.client_bugs import CLIENT_BUGS
from tests.simulation.mutants.server_bugs import SERVER_BUGS

MUTANTS: Final = SERVER_BUGS + CLIENT_BUGS
