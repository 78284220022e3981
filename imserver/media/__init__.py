"""The media room: blobs behind a small interface. Knows no HTTP and nothing of conversations.

```
service        the front door: uploads, blobs, fail-stop     tickets, ticket_office  signed, expiring rights
catalog        page: what each app's blobs are               store                   page: where bytes are
limits         every number of this room                     errors                  whose fault, what next

receiving      stream → staged upload, durable in steps      completion    staged upload → inspected blob
turns          one request an upload, the newest wins        quota         room promised before bytes come
inspect        what is it really?                            pictures      decoding and thumbnails
containers     audio and video by their first bytes          workers       where blocking work runs
fail_stop      after a disk failure nothing goes on

memory, memory_catalog, disk (upload_folder, durable_files)  the backends; only the app names them
testing        a room in memory and small real content, for tests
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
    UploadForbidden,
    UploadInterrupted,
    UploadNotFound,
    UploadSuperseded,
)
from imserver.media.limits import MediaLimits
from imserver.media.service import MediaService, MediaStatistics, UploadState
from imserver.media.store import BlobStore, Staged, UploadMeta
from imserver.media.ticket_office import TicketOffice
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
    "TicketOffice",
    "TooLarge",
    "UploadForbidden",
    "UploadInterrupted",
    "UploadMeta",
    "UploadNotFound",
    "UploadState",
    "UploadSuperseded",
    "UploadTicket",
]
