"""Tests of `tunbp.plots`."""
