"""Which server a run is against: one that is there, or the tool's own."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imload.run import Options
from imload.scenario import Scenario
from imload.server import running
from imload.tokens import TokenSigner
from imload.wire import SCHEMES, Target

_END_S: Final = 10.0
_REACH_S_MAX: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """As the command line says it.

    Attributes:
        url: of a server that is there; None: start one.
        data_dir: its data directory, for the key that signs tokens.
        app, kid, key_file: the key itself, where the data directory is not at hand.
        pid: its process, to measure.
        authority: a PEM file to trust.
        transport: of the own server; None: as the scenario says.
    """

    url: str | None = None
    data_dir: Path | None = None
    app: str = "default"
    kid: str | None = None
    key_file: Path | None = None
    pid: int | None = None
    authority: Path | None = None
    transport: str | None = None

    @contextmanager
    def options(
        self, scenario: Scenario, *, seed: int, processes: int, settings: Mapping[str, Any] | None = None
    ) -> Iterator[Options]:
        """The options of a run, with the server they name up for as long as the block lasts.

        Raises:
            ValueError: they do not fit together; the text says how.
            RuntimeError: the own server does not start, or the one that is there cannot be reached.
        """
        if self.url is None:
            scheme = self.transport or scenario.transport
            if scheme not in SCHEMES:
                raise ValueError(f"--transport is one of {', '.join(SCHEMES)}, not {scheme!r}")
            settings = {**flat(scenario.server), **(settings or {})}
            with running(
                listen=(f"{scheme}://127.0.0.1:0",), settings=settings, end_within_s=_END_S
            ) as server:
                yield Options(
                    url=server.urls[scheme],
                    token_of=server.signer,
                    seed=seed,
                    own=server,
                    authority=server.authority,
                    processes=processes,
                )
            return
        target = Target.parse(self.url)
        for storm in scenario.storms:
            if storm.of_server:
                raise ValueError(
                    f"a storm of kind {storm.kind} ends the server: leave out --url for the tool's own"
                )
        signer = self._signer()
        try:
            # Else each device would try again and again for as long as arriving may take.
            socket.create_connection((target.host, target.port), _REACH_S_MAX).close()
        except OSError as error:
            raise RuntimeError(f"{self.url} cannot be reached: {error.strerror or error}") from None
        yield Options(
            url=self.url,
            token_of=signer,
            seed=seed,
            pid=self.pid,
            authority=self.authority,
            processes=processes,
        )

    def _signer(self) -> TokenSigner:
        if self.data_dir is not None:
            return TokenSigner.of_data_dir(self.data_dir, self.app)
        if self.kid is None or self.key_file is None:
            raise ValueError(
                "with --url, tokens need a key: --data-dir of the server, or --kid and --key-file "
                "(imserver app key)"
            )
        return TokenSigner(self.app, self.kid, self.key_file.read_bytes().strip())


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys, as the server's configuration names them."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found
