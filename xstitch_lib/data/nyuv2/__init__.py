"""NYU-Depth v2: photographs of rooms with the class and the surface normal of every pixel."""
