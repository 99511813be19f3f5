"""Keeping the house: is all well (`doctor`), keep a copy (`backup`), bring it back (`restore`)."""
