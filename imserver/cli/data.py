"""`imserver backup`, `restore` and `verify`: what an operator does with a data directory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imserver.cli.options import ConfigFile, DataDir, settings

if TYPE_CHECKING:
    from imserver.app import BackupReport


def backup(
    target: Annotated[Path, typer.Argument(metavar="DEST", help="A directory that is not there yet.")],
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Copy the data directory to DEST, also while the server runs.

    The copy is of one moment: database, media, keys. It is whole and on the disk when this returns, or not
    there at all. Uploads under way are not in it; their clients begin them again. Keep it as safe as the
    server: it holds all messages and the secrets that sign tokens.

    \b
    Example:
      imserver backup /backups/chat-$(date +%F)
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver.app import back_up

    source = settings(config, data_dir=data_dir).data_dir
    _print("Backup", back_up(source, target), target)


def restore(
    backup: Annotated[
        Path | None,
        typer.Argument(metavar="BACKUP", help="A directory that `imserver backup` made.", show_default=False),
    ] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Make a new data directory from BACKUP; without BACKUP, prepare one put back by other means.

    Either way it gets a new epoch: clients that have seen messages younger than the backup notice, take a new
    snapshot, and send again what the server does not know any more. Never serve an old copy without this.

    \b
    Examples:
      imserver restore /backups/chat-2027-01-31 --data-dir /srv/chat
      imserver restore --data-dir /srv/chat        after copying the files there yourself
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver.app import restore as restore_backup
    from imserver.app import stamp

    target = settings(config, data_dir=data_dir).data_dir
    if backup is None:
        stamp(target)
        print(f"{target} has a new epoch; start the server.")
    else:
        _print("Data directory", restore_backup(backup, target), target)


def verify_(config: ConfigFile = None, data_dir: DataDir = None) -> int:
    """Check the data directory against everything the server promises; also while it runs.

    Only reads. Conversations without gaps, logs complete, every retry remembered, marks and heads in order,
    every media file's bytes equal to its hash. Prints one line a finding; exit code 1 if there is any.

    \b
    Example:
      imserver verify --data-dir /srv/chat
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver.app import verify

    folder = settings(config, data_dir=data_dir).data_dir
    report = verify(folder)
    for finding in report.findings:
        print(finding)
    counts = (
        f"{report.users} users, {report.conversations} conversations, {report.records} records, "
        f"{report.log_entries} log entries, {report.blobs} blobs"
    )
    if report.sound:
        print(f"{folder} is sound: {counts}.")
        return 0
    print(f"{folder} has {len(report.findings)} faults: {counts}. Restore a backup.")
    return 1


def _print(what: str, report: "BackupReport", target: Path) -> None:
    for name in report.damaged:
        print(f"warning: the media file {name} is damaged; copied as it is")
    mib = 1024**2
    print(
        f"{what} {target}: database {report.database_bytes / mib:.1f} MiB, "
        f"{report.blobs} media files {report.blob_bytes / mib:.1f} MiB."
    )
