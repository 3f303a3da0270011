"""File formats: how events, masks, images and metadata become text or bytes."""
