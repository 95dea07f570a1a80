"""The order of the steps, with fakes that implement the ports."""
