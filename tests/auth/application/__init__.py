"""Tests of the kind `application`."""
