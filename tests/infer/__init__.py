"""Tests of `tunbp.infer`."""
