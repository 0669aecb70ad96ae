"""Tests in a browser; a package, so that pytest ends their browser with the last of them."""
