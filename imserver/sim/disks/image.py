"""A folder as it may be found after a power cut."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Image:
    """Folders and files by their path below the root, folders before what is in them."""

    folders: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, root: Path) -> None:
        """Make it real in `root`, which is there and empty."""
        for name in self.folders:
            (root / name).mkdir()
        for name, data in self.files.items():
            (root / name).write_bytes(data)
