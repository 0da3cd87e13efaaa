"""Methods of others, rebuilt small, that fp's methods stand beside."""
