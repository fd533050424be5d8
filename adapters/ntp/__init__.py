"""Time servers (NTP, RFC 5905)."""
