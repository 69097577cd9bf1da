"""A parametric spine whose findings are known, rendered as MR, CT and radiographs."""
