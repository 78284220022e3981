"""storage: what must survive. One page (`store`) says what; `memory` and `sqlite` say how.

Only `imserver.app` and tests name an implementation.
"""
