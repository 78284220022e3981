"""The HTTP room: resumable upload (tus 1.0), download by signed links, health and metrics.

```
app         create_app: the routes, and which errors become which answers
tus         /uploads: the tus protocol over MediaService
body        a request body, with a deadline between its bytes
downloads   /media/{ticket}: signed links, membership at every read (ranges, disposition: header grammars)
operations  /healthz and /metrics (metrics: the counters)
errors      error → status and JSON
unread      answers early without losing the answer
server      serve: hypercorn on trio, in the caller's nursery (connections: each fenced off)
authorizer  page: may this user read there, now?
```
"""

from imserver.http.app import create_app, create_operations_app
from imserver.http.authorizer import Authorizer
from imserver.http.operations import Health
from imserver.http.server import Tls, serve

__all__ = ["Authorizer", "Health", "Tls", "create_app", "create_operations_app", "serve"]
