"""Gyre from Python: what scripts, notebooks and tests say to a running Gyre. The standard library is enough."""
