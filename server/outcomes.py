"""Failures to start that an operator can mend, said in one line."""


class CannotStart(Exception):
    """Something outside the program stands in the way; the text says what and what to do."""
