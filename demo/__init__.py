"""A hospital of its own: an invented vendor's HIS in its own process and file. Imports nothing of Houzhen."""
