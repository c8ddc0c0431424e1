"""Images without their tags first, and tags that move last."""
