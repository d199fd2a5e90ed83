"""Who is in the seeded database."""

PASSWORD = "sandbox-only"
TEAMS = {
    "Analytical Engines": ["ada", "charles"],
    "Cobol Works": ["grace", "ada"],
    "Kernel Yard": ["linus"],
}
"""Team to usernames; the first is the owner."""
