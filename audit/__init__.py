"""Do two folders differ in more than their origin? One module a kind of evidence."""
