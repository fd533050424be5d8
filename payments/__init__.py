"""Orders, refunds and reconciliation. Not yet here; the import rules already keep its place."""
