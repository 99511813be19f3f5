"""Results: what became of a campaign, and what came back. Every number is what the log says."""
