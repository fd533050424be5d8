"""Personal data at rest: field encryption, blind indexes, and the keys of both."""
