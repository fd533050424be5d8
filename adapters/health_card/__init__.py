"""Issuers of electronic health cards: ``clinic.health_cards.HealthCards`` three times.

offline.py      none outside: this server signs codes itself (demonstration, or a hospital on its own)
provincial.py   a health authority's card management: encrypted fields, signed bodies
tencent.py      Tencent's health card open platform
"""
