"""Piles (우편 묶음): letters of a campaign that a person prints and carries to the post."""
