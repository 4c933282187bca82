"""Tests that drive a real Home Assistant process, real cameras and nothing else."""
