"""The generated shop through the real fold and the real scores, in this process, compared with what is true of it."""
