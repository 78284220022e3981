"""The HTTP room: resumable upload (tus 1.0), download by signed links, health and metrics.

```
app           create_app: routes, and the one place where errors become answers
tus           /uploads: the tus protocol over MediaService      body       request body in, bounded and with a deadline
downloads     /media/{ticket}: ranges, membership at every read  ranges, disposition   two header grammars
operations    /healthz and /metrics                              metrics    the counters
errors        error → status and JSON                            unread     answers early without losing the answer
server        serve: hypercorn on trio, in the caller's nursery
authorizer    page: may this user read there, now?
```
"""

from imserver.http.app import create_app, create_operations_app
from imserver.http.authorizer import Authorizer
from imserver.http.operations import Health
from imserver.http.server import Tls, serve

__all__ = ["Authorizer", "Health", "Tls", "create_app", "create_operations_app", "serve"]
