"""imsdk.media: moves pictures, voice, video and files between the device and the server.

Rooms: `transfers` (the one object the client uses) on `uploader` and `downloader`; `web` (HTTP with typed
errors) and `work` (blocking file work) below them; `keeping` (durable copies), `probe` and `sizes` (what a
file tells about itself) for drafts.
"""
