"""What ours is measured beside: the same task done by others, and by nothing but ``send()``."""
