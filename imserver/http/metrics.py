"""The counters of the HTTP room. Labels are few and fixed; nothing in them comes from a request."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from imserver.media import MediaService


class HttpMetrics:
    """Registers itself with the registry it is given."""

    def __init__(self, registry: CollectorRegistry, media: MediaService) -> None:
        self.uploads = Counter(
            "imserver_media_uploads",
            "Upload requests that ended, by outcome code",
            ["outcome"],
            registry=registry,
        )
        self.download_bytes = Counter(
            "imserver_media_download_bytes", "Bytes of media handed to the transport", registry=registry
        )
        self.downloads_refused = Counter(
            "imserver_media_downloads_refused",
            "Downloads refused, by reason code",
            ["reason"],
            registry=registry,
        )
        active = Gauge(
            "imserver_media_uploads_active", "Uploads being written or completed", registry=registry
        )
        active.set_function(lambda: media.statistics().uploads_active)
