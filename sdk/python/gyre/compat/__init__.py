"""Other trackers' interfaces, logging to Gyre."""
