"""Servers of our own for tests: they speak documented protocols on loopback."""
