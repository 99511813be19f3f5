"""What comes back by itself: addresses that take no mail, and how an agent lifts that."""
