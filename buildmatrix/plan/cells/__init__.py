"""From declared targets to cells and their settings."""
