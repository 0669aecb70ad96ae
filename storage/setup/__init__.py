"""Sites, keys and the tag over HTTP, and when the first event of a site came."""
