"""The radio twin: materials, frozen paths and their fields, calibration from measurements."""
