"""Keeps things, behind one protocol."""
