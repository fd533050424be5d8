"""What storage says of a row whose key exists already."""


class KeyTaken(Exception):
    """Somebody else was first. Whoever meant the same reads what is there."""
