"""What the operator wrote: settings, their document, and the file of sites and keys."""
