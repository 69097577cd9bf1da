"""Original folders of public image sets, read into images and findings."""
