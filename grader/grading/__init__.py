"""One submission: its notebook run, its candidates judged, its mistakes named."""
