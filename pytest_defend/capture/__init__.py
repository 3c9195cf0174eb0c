"""Reads the world and returns facts; a failure becomes a Gap, never an exception."""
