"""Document stores that speak MongoDB's protocol."""
