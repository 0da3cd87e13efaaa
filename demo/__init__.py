"""The whole way on images that come with fp."""
