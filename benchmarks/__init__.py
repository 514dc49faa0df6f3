"""Measurements that are worth repeating; each is a program of its own."""
