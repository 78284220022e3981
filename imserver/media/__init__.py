"""The media room: blobs behind a small interface. Knows no HTTP and nothing of conversations.

```
service      the front door: tickets, uploads, blobs          ─┐
tickets      signed, expiring rights (upload, link)            │ what the other rooms use
catalog      page: what each app's blobs are                   │
store        page: where the bytes are                         │
limits, errors                                                ─┘
receiving    stream → staged upload, durable in steps          completion   staged upload → inspected blob
turns        one request an upload, the newest wins            quota        room promised before bytes come
inspect      what is it really?  pictures (decoding), containers (recognising)
memory, memory_catalog, disk (upload_folder, durable_files)    the concrete backends; only the app names them
```
"""

from imserver.media.catalog import BlobInfo, Catalog
from imserver.media.errors import (
    BlobNotFound,
    MediaBroken,
    MediaBusy,
    MediaError,
    MediaRefused,
    OffsetConflict,
    OutOfSpace,
    QuotaExceeded,
    TicketExpired,
    TicketInvalid,
    TooLarge,
    UploadInterrupted,
    UploadNotFound,
    UploadSuperseded,
)
from imserver.media.limits import MediaLimits
from imserver.media.service import MediaService, MediaStatistics, UploadState
from imserver.media.store import BlobStore, Staged, UploadMeta
from imserver.media.tickets import ORIGINAL, THUMBNAIL, LinkTicket, Signer, UploadTicket

__all__ = [
    "ORIGINAL",
    "THUMBNAIL",
    "BlobInfo",
    "BlobNotFound",
    "BlobStore",
    "Catalog",
    "LinkTicket",
    "MediaBroken",
    "MediaBusy",
    "MediaError",
    "MediaLimits",
    "MediaRefused",
    "MediaService",
    "MediaStatistics",
    "OffsetConflict",
    "OutOfSpace",
    "QuotaExceeded",
    "Signer",
    "Staged",
    "TicketExpired",
    "TicketInvalid",
    "TooLarge",
    "UploadInterrupted",
    "UploadMeta",
    "UploadNotFound",
    "UploadState",
    "UploadSuperseded",
    "UploadTicket",
]
