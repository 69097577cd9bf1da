"""Image files of every kind to one plain form: pixels, geometry, and what a model is sent."""
