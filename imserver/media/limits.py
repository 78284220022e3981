"""Every number of the media room, its unit last in the name."""

from dataclasses import dataclass
from typing import Final

from improtocol import limits as wire

HOUR_MS: Final = 3600 * 1000
SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Limits an operator may change; the defaults suit a shop on one small machine."""

    #: One upload. Also announced as `Tus-Max-Size`.
    upload_bytes_max: int = wire.MEDIA_BYTES_MAX
    #: Bytes collected before they are written and fsynced. Memory is bounded by this times
    #: `uploads_active_max`; two fsyncs a step cost about a second in 50 MB, and a killed server loses at most
    #: this much of an upload.
    append_bytes: int = 256 * 1024
    #: Uploads being written or completed at the same moment, all apps together. One app alone gets at most
    #: half of them, one user a third.
    uploads_active_max: int = 256
    #: Uploads begun and neither finished nor abandoned, per app.
    uploads_open_max: int = 10_000
    #: An upload untouched that long after its creation is swept. A week, so that a clock set wrong by a day
    #: is harmless.
    upload_ms_max: int = 7 * 24 * HOUR_MS
    upload_ticket_ms: int = 24 * HOUR_MS
    link_ms: int = 24 * HOUR_MS
    #: Bytes read at once for a download.
    read_bytes: int = 256 * 1024
    #: A 50-megapixel phone photo passes. Decoding needs up to 4 bytes a pixel, and one image is decoded at a
    #: time.
    image_pixels_max: int = 50_000_000
    thumbnail_side_px_max: int = 320

    def __post_init__(self) -> None:
        for name in ("append_bytes", "uploads_active_max", "uploads_open_max", "read_bytes", "link_ms"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if self.append_bytes > self.upload_bytes_max:
            raise ValueError("append_bytes must not exceed upload_bytes_max")
        if self.upload_bytes_max > wire.MEDIA_BYTES_MAX:
            raise ValueError(
                f"upload_bytes_max must not exceed {wire.MEDIA_BYTES_MAX}: messages cannot name more"
            )
        if not 0 < self.thumbnail_side_px_max**2 <= self.image_pixels_max:
            raise ValueError("thumbnail_side_px_max must be above 0 and fit image_pixels_max")
        if self.upload_ticket_ms > self.upload_ms_max:
            raise ValueError(
                "upload_ticket_ms must not exceed upload_ms_max: a ticket must not outlive its upload"
            )
