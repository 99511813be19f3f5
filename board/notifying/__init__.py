"""Notifications: who is told what, where, and how often."""
