"""The edge: HTTP and WebSocket. Decode, authorise, call, encode. No rule and no SQL lives here."""
