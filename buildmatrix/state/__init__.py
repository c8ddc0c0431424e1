"""What earlier runs left: their record, and what of it still holds."""
