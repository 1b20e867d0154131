"""What is kept of runs, and what may be said of it."""
