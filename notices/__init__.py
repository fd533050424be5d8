"""Telling people who are not looking: what waits to be said, through which channel, how often it is tried."""
