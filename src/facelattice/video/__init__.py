"""Video: faces followed from frame to frame, smoothed, read from and written to files."""
