"""Dead letters: what there are, and how one that was fixed is sent again, once."""
