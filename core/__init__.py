"""What every part shares: identity, time, refusals, actors and limits. Imports nothing of ours."""
