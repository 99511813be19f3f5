"""Partners: organisations, their people, and how they become ones."""
