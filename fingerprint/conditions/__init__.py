"""Images as they come: an expert for every condition of a ladder, and the gate that sends to it."""
