"""Suggestions (건의사항): each has a number, somebody who looks after it, and a public answer where it ends."""
