"""System checks: every wrong setting has one, with the mend."""
