"""Settings: one file, read once, typed; an unknown key or an impossible combination refuses to start."""
