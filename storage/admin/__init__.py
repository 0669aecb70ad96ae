"""What an operator asks of the databases: lists, statistics, exports, and a visitor's data, given out or erased."""
