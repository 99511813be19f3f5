"""The partners' own pages: phone first, in Korean and English, and never more than one partner may see."""
