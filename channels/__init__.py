"""The doors to the world: one folder a medium, all of the same shape."""
