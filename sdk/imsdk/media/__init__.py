"""imsdk.media: moves pictures, voice, video and files between the device and the server."""
