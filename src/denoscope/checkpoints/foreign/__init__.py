"""Files of other programs: pickles and torch files read without running them, and what is in them."""
