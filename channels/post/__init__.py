"""Letters on paper (우편 DM): typeset, checked, printed, posted."""
