"""A live system for development and end-to-end tests: cameras and a real Home Assistant."""
