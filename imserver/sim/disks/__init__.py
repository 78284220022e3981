"""Simulated disks: what was written, and what a power cut may leave of it.

```
operations   what a program asks of a disk, one frozen class each
recorder     the log of a run; faults on demand
durable      the model: what is durable after a prefix of the log, and what is not yet
tear         what a power cut leaves of a write
image        a folder as it may be found after the cut, put on a real file system
vfs          SQLite on such a disk (needs apsw)
connection   the part of `sqlite3.Connection` that this project uses, on an apsw connection (needs apsw)
```
The last two are not imported here: apsw is wanted by tests and simulations only.
"""

from imserver.sim.disks.durable import Durable
from imserver.sim.disks.image import Image
from imserver.sim.disks.recorder import Fault, Recorder
from imserver.sim.disks.tear import Cut, draw_cut

__all__ = ["Cut", "Durable", "Fault", "Image", "Recorder", "draw_cut"]
