"""Training: one loop, its recipe, what it minimises, and what it leaves behind."""
