"""Tests of the adapter of Jupyter."""
