"""Composes and supervises: the command line, the composition root, the process tree, the relay, telemetry."""
