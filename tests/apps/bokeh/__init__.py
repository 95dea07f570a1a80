"""Tests of the adapters of Bokeh and Panel."""
