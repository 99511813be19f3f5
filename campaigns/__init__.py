"""Planned writing: say it once to each, lawfully. The room is empty until campaigns move in."""
