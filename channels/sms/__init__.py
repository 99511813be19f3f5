"""SMS and MMS."""
