"""Mutates traces and spools, guided by coverage, and gives them to every reader."""
