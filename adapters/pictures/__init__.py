"""Pictures (Pillow)."""
