"""report: one HTML page about a run, complete in itself: no scripts, no fonts, nothing fetched.

- `page`     puts it together
- `charts`   lines and bars as inline SVG
- `scales`   where a value lies on an axis, and which values are marked
"""
