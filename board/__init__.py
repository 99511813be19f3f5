"""The partner notice board. The room is empty until the board moves in."""
