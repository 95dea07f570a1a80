"""Tests of the prober, against servers of their own."""
