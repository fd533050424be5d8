"""What was done by whom, in a chain that nobody can quietly change."""
