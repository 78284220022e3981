"""app: composition. The only room that names concrete backends; whoever starts something starts it here.

- `serving`         `serve_forever`: the process: event loop, signals; `server`: the rooms put together and
  watched
- `backends`        which store, which blobs; `failstop`: the end when the disk fails
- `media_house`     the media room on the store, `media_desk`, `reader`, `store_guard`, `quotas`: its ties
  to the core
- `admin`           apps and keys, `user_admin`: users; `choosing`: which app is meant
- `control`         administration over the control socket; `administration`: from outside
- `backup`          copies of a data directory, and what a restored one needs
- `churn_log`       when connections came and went, for load tests
- `metrics`, `tls`, `ticket_keys`, `ready_file`, `bound`, `errors`
"""

from imserver.app.administration import administer, check_token, key_secret, make_token
from imserver.app.backup import BackupReport, back_up, restore, stamp, verify
from imserver.app.bound import Bound
from imserver.app.choosing import DEFAULT_APP
from imserver.app.errors import AdminError, CannotServe
from imserver.app.serving import serve_forever

__all__ = [
    "DEFAULT_APP",
    "AdminError",
    "BackupReport",
    "Bound",
    "CannotServe",
    "administer",
    "back_up",
    "check_token",
    "key_secret",
    "make_token",
    "restore",
    "serve_forever",
    "stamp",
    "verify",
]
