"""Who may send: keys, origins, rates and signatures."""
