"""Windows of an image as evidence: their calibration, their dependence, their map."""
