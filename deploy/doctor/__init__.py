"""`opecom doctor`: looks at everything that a running system needs and says what to fix; changes nothing."""
