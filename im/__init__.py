"""Conversations and consultations between patients and their doctors. Built on the realtime core; not yet here."""
