"""imserver: a messaging server whose sessions outlive their connections."""
