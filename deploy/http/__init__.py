"""What our servers share, whatever they serve."""
