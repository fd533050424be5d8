"""Conversations and consultations of patients and their doctors, on the realtime core. Not yet here."""
