"""The hub, its sessions and its brokers together, in one process and without a socket."""
