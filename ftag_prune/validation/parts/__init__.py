"""The parts of the page of a validation, one module each."""
