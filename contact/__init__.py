"""The hall: who we talk with, what was said, what is promised. It imports no room."""
