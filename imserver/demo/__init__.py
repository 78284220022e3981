"""The demo: a customer and a shop agent chat through a bad day, and every message is accounted for.

Rooms: `traces` (outages of real cellular links) and `assets` (media) are data. `dialogue` is what is said.
`link` is the network between the apps and the server; `app_process` one app, a process of its own that writes a
`journal`; `processes` starts and kills apps and server; `incidents` is the bad day; `stage` runs it all;
`checker` compares the journals; `view` and `report` show it.
"""
