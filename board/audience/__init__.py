"""Audience (대상): to which people of which partners something goes."""
