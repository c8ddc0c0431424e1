"""Results as text, JSON, markdown; alone in resolving pointers to lines."""
