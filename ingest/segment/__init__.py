"""What libraries of Segment send, taken as events of ours."""
