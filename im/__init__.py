"""Conversations and consultations: nothing acknowledged is lost, reordered, doubled or altered."""
